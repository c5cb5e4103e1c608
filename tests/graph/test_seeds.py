"""The same seed on the same engine is the same run."""

from typing import Any

from peerleap.graph.seeds import derive_random, derive_seed


def by_seed(call: Any) -> str:
    if call.stage == "summary":
        return f"{call.params.seed}</summarize>"
    return f"{call.params.seed} and on. " * 20 if call.round < 2 else f"\\boxed{{{call.params.seed % 2}}}"


def essence(run: Any) -> Any:
    histories = {
        name: [
            {key: value for key, value in s.items() if key not in {"cached_tokens", "seconds"}}
            for s in run.history(name)
        ]
        for name in run.out["histories"]
    }
    return histories, run.out["rounds"], run.out["votes"], run.out["answer"]


def test_same_seed_same_run(leap: Any) -> None:
    asked: Any = {"paths": 4, "router": "random", "top_k": 2}
    assert essence(leap(by_seed, **asked, seed=7)) == essence(leap(by_seed, **asked, seed=7))
    assert essence(leap(by_seed, **asked, seed=7)) != essence(leap(by_seed, **asked, seed=8))


def test_every_request_has_a_seed_of_its_own(leap: Any) -> None:
    seeds = [call.params.seed for call in leap(by_seed, paths=4).engine.calls]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_path_does_not_depend_on_how_many_there_are(leap: Any) -> None:
    few, many = leap(by_seed, paths=2, rounds=0), leap(by_seed, paths=4, rounds=0)
    assert few.history("solver_2")[1]["token_ids"] == many.history("solver_2")[1]["token_ids"]


def test_wordings_differ_between_paths_rounds_and_seeds(leap: Any) -> None:
    runs = [leap(by_seed, paths=4, seed=seed) for seed in (1, 2)]
    for kind in ("trigger", "comment"):
        texts = [text.rpartition("</comment>")[2] for text in runs[0].texts("solver_1", kind)]
        others = [text.rpartition("</comment>")[2] for n in (2, 3, 4) for text in runs[0].texts(f"solver_{n}", kind)]
        again = [text.rpartition("</comment>")[2] for text in runs[1].texts("solver_1", kind)]
        assert len({*texts, *others}) > 2
        assert len({*texts, *again}) > 1


def test_derived_seeds_are_the_same_everywhere() -> None:
    assert derive_seed(0, "solver_1", 100) == 1_422_102_255
    assert derive_seed(1, "a", "b") != derive_seed(1, "ab")
    assert derive_seed(1, "a", 12) != derive_seed(1, "a", 1, 2)
    assert derive_random(0, "x").random() == derive_random(0, "x").random()
