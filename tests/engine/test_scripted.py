"""What only the scripted engine promises; what it has in common with the others is in `test_every_engine`."""

from peerleap.engine import SamplingParams, ScriptedEngine


async def test_log_probabilities_have_the_shape_of_the_real_ones() -> None:
    engine = ScriptedEngine(lambda _prompt, _params: "abc")
    done = {k: await engine.generate([1], SamplingParams(max_tokens=9, logprobs=k)) for k in (None, 0, 20)}
    assert (done[None].logprob, done[None].token_logprobs, done[None].token_confidences) == (None, None, None)
    assert done[0].token_confidences is None
    assert done[0].token_logprobs == done[20].token_logprobs == [-0.1] * len(done[20].token_ids)
    assert done[20].token_confidences == [0.2] * len(done[20].token_ids)
    assert done[20].logprob == sum(done[20].token_logprobs or [])


async def test_sessions_are_recorded() -> None:
    engine = ScriptedEngine(lambda _prompt, _params: "abc")
    await engine.generate([1], SamplingParams(max_tokens=9), session="run/solver_1")
    await engine.generate([1], SamplingParams(max_tokens=9))
    assert engine.sessions == ["run/solver_1", None]
