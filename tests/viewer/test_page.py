"""The file: nothing in it that a run could turn into markup, nothing that it loads, small where it can be."""

import gzip
import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import pytest

from peerleap.engine import ScriptedEngine
from peerleap.viewer import html_page, run_document
from peerleap.viewer.pieces import pieces, spells
from tests.viewer.scripted import page_of, team_run, wrong_answer_spreads

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&lt;\u2028\u202e\u2066\x00\ud800 [[DATA]] ]]>"


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return team_run(wrong_answer_spreads)


def blob(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/octet-stream" id="{name}">([^<]*)</script>', page)
    assert found, name
    return json.loads(gzip.decompress(b64decode(found[1])))


def head(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="head">([^<]*)</script>', page)
    assert found
    return json.loads(found[1])


def test_the_policy_allows_this_script_and_this_style_alone(run: dict[str, Any]) -> None:
    page = page_of(run)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    for directive, text in (("script-src", script), ("style-src", style)):
        assert f"{directive} 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy[1]
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)


def test_it_names_no_other_place_and_is_small_without_data(run: dict[str, Any]) -> None:
    page = page_of(run)
    assert set(re.findall(r"https?://[^'\"\s)]+", page)) == {"http://www.w3.org/2000/svg"}
    frame = re.sub(r'(<script type="application/[^>]*>)[^<]*', r"\1", page)
    assert len(frame) < 150_000
    assert re.findall(r"\[\[[A-Z]+\]\]", page) == []


def test_hostile_texts_stay_inside_their_strings(run: dict[str, Any]) -> None:
    bad = {**run, "question": HOSTILE, "answer": HOSTILE, "settings": {HOSTILE: HOSTILE}}
    bad["paths"] = {HOSTILE + name: outcome for name, outcome in run["paths"].items()}
    bad["histories"] = {
        HOSTILE + name: [{**segment, "text": HOSTILE} for segment in history]
        for name, history in run["histories"].items()
    }
    bad["rounds"] = []
    plain, page = page_of(run), page_of(bad, name=HOSTILE)
    assert all(text.isascii() for text in re.findall(r'<script type="application/[^>]*>([^<]*)', page))
    for tag in ("<script", "</script", "<img", "<!--"):
        assert page.count(tag) == plain.count(tag), tag
    assert head(page)["run"]["question"] == HOSTILE
    assert blob(page, "r0-0")[1]["text"] == HOSTILE


def test_texts_that_the_ids_spell_are_not_stored_twice(run: dict[str, Any]) -> None:
    page = page_of(run)
    first = blob(page, "r0-0")
    assert all("text" not in row for row in first if row.get("token_ids"))
    table = dict(blob(page, "p0")["pieces"])
    thought = next(n for n, s in enumerate(run["histories"]["solver_1"]) if s["kind"] == "thought")
    spelt = "".join(table[token] for token in first[thought]["token_ids"])
    assert spelt == run["histories"]["solver_1"][thought]["text"]
    assert len(first[thought]["confidences"]) == len(first[thought]["token_ids"])
    without = html_page(run_document(run))
    assert blob(without, "r0-0")[thought]["text"] == spelt, "without a tokenizer, the text is there"


def test_pieces_are_bytes_where_a_character_takes_several_ids() -> None:
    tokenizer = ScriptedEngine(lambda _prompt, _params: "").tokenizer
    ids = tokenizer.encode("é ∑<|im_end|>", add_special_tokens=False)
    table = pieces(tokenizer, [*ids, 10**9])
    assert 10**9 not in table
    assert b"".join(table[token] for token in ids).decode() == "é ∑<|im_end|>"
    assert spells(table, ids, "é ∑<|im_end|>")
    assert not spells(table, ids, "e ∑<|im_end|>")
    assert not spells(table, [10**9], "")
    assert not spells(table, ids, "\ud800")
