"""An OpenAI-compatible server around a graph: clients, agents and chat front ends use LeaP as if it were a model.

In reading order:

app        the routes, and how errors are answered
chat       `/v1/chat/completions`: one request, from its body to its last byte
body       a request's JSON, with bounds
request    what a request may say; fields: what is refused, with a cure; model_names: settings in a model's name;
           response_format: an answer as JSON
admission  who runs, who waits, who is sent away; keys: who may ask
graphs     the graph of a request
wire       a run as OpenAI's objects; errors: OpenAI's error object
metrics    for Prometheus
server     uvicorn on a socket, and how it ends
"""

from typing import TYPE_CHECKING

from peerleap import lazy_face

if TYPE_CHECKING:
    from peerleap.serving.admission import Admission, Limits
    from peerleap.serving.app import create_app
    from peerleap.serving.errors import RequestError
    from peerleap.serving.graphs import Graphs, engines_of, paths_of
    from peerleap.serving.keys import Keys
    from peerleap.serving.server import bind, is_local, serve

__all__ = [
    "Admission",
    "Graphs",
    "Keys",
    "Limits",
    "RequestError",
    "bind",
    "create_app",
    "engines_of",
    "is_local",
    "paths_of",
    "serve",
]

# Imported when they are first used: Starlette, uvicorn and the metrics are an extra.
_LATER = {
    "Admission": "admission",
    "Limits": "admission",
    "create_app": "app",
    "RequestError": "errors",
    "Graphs": "graphs",
    "engines_of": "graphs",
    "paths_of": "graphs",
    "Keys": "keys",
    "bind": "server",
    "is_local": "server",
    "serve": "server",
}

__getattr__ = lazy_face(__name__, _LATER)
