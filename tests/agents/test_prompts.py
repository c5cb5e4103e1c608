"""Every sentence that a model reads."""

import re
from string import Formatter

import pytest

from peerleap.agents import prompts
from peerleap.graph.answers import extract_answer
from peerleap.tools.untrusted import LEAP_TAGS, has_marker

LISTS = {name: value for name, value in vars(prompts).items() if name.isupper() and isinstance(value, tuple)}
TEXTS = {name: value for name, value in vars(prompts).items() if name.isupper() and isinstance(value, str)}

FIELDS = {
    "EXPERTISE": {"instructions"},
    "QUESTION": {"task", "peers", "question"},
    "QUESTION_ALONE": {"task", "question"},
    "PEER_LABEL": {"number"},
    "PEER_LABEL_ABOUT": {"name", "about"},
    "ANCHOR": {"line"},
    "AS_JSON": {"schema"},
    "QUOTED": {"label", "text"},
    "EVIDENCE_OTHER": {"tool"},
    "EVIDENCE_OUTPUT": {"did", "output"},
    "CONCLUSION": {"answer", "text"},
    "CONCLUSION_OPEN": {"text"},
    "SOLUTION": {"number"},
    "AGGREGATE": {"question", "solutions"},
    "REVISE": {"question", "solution"},
    "SOLUTION_END": {"answer"},
    "JUDGE": {"after", "comment", "summary"},
}


@pytest.mark.parametrize("name", sorted(FIELDS.keys() & TEXTS.keys()))
def test_a_template_takes_what_it_is_given(name: str) -> None:
    text = TEXTS[name]
    assert {field for _, field, _, _ in Formatter().parse(text) if field is not None} == FIELDS[name]
    # Braces of the values stay as they are.
    assert "\\boxed{4}" in text.format(**dict.fromkeys(FIELDS[name], "\\boxed{4}"))


@pytest.mark.parametrize("name", sorted(TEXTS.keys() - FIELDS.keys()))
def test_all_other_texts_are_used_as_they_are(name: str) -> None:
    assert not re.search(r"\{\w+\}", TEXTS[name])


@pytest.mark.parametrize("name", sorted(LISTS))
def test_alternatives_differ_and_hold_no_tags(name: str) -> None:
    texts = LISTS[name]
    assert len(set(texts)) == len(texts) >= 2
    for text in texts:
        assert text == text.strip()
        assert not has_marker(text, LEAP_TAGS)
        assert "{" not in text


def test_tags_are_the_papers() -> None:
    assert {prompts.SUMMARIZE, prompts.SUMMARIZE_END, prompts.COMMENT, prompts.COMMENT_END} <= set(LEAP_TAGS)


def test_tags_are_explained_in_pairs() -> None:
    assert prompts.PEERS.count(prompts.SUMMARIZE) == prompts.PEERS.count(prompts.SUMMARIZE_END) == 1
    assert prompts.PEERS.count(prompts.COMMENT_END) == 1


def test_an_invented_comment_is_answered_without_a_tag_to_imitate() -> None:
    assert prompts.INVENTED_COMMENT.endswith("\n\n")
    assert "<" not in prompts.INVENTED_COMMENT


def test_every_task_has_its_last_question() -> None:
    assert prompts.TASKS.keys() == prompts.ANSWERS.keys() == {"math", "choice", "free"}
    assert all(text.startswith("\n\n") for text in prompts.ANSWERS.values())


@pytest.mark.parametrize("task", ["math", "choice", "free"])
def test_a_prompt_answers_nothing_even_if_a_path_repeats_it(task: str) -> None:
    said = prompts.TASKS[task]  # type: ignore[index, unused-ignore]
    segment = {"kind": "thought", "round": 0, "token_ids": [], "text": said}
    assert extract_answer([segment], task) is None  # type: ignore[list-item, arg-type]
