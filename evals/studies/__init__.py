"""Studies: experiments on what hearing its peers does to a model; each writes one file and can be continued."""
