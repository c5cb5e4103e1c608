"""`ChatLeaP` with a schema: the runnable that asks for JSON, and reads it."""

import json
from operator import itemgetter
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import PydanticOutputParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from peerleap.graph.settings import as_settings


def structured(
    model: BaseChatModel, schema: Any, *, method: str, include_raw: bool, options: dict[str, Any]
) -> Runnable[LanguageModelInput, Any]:
    """What `ChatLeaP.with_structured_output` returns.

    Raises:
        ValueError: another method, an unknown option, or no schema.
    """
    if method != "json_schema":
        raise ValueError(f"method={method!r}: there is 'json_schema' only, which the engine holds every reply to")
    unknown = {name: value for name, value in options.items() if name != "strict" or value not in (None, True, False)}
    if unknown:
        name, value = next(iter(unknown.items()))
        raise ValueError(f"{name}={value!r}: with_structured_output has schema, method, include_raw and strict")
    text = as_settings({"json_schema": _json_schema(schema)}).json_schema
    described = {"kwargs": {"method": method}, "schema": schema}
    bound = model.bind(json_schema=text, ls_structured_output_format=described)
    read = RunnableLambda(_reader(schema))
    if not include_raw:
        return bound | read
    # As in LangChain's own models: `raw`, `parsed` and `parsing_error`.
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | read, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _json_schema(schema: Any) -> dict[str, Any]:
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()  # with its definitions: LangChain's has them unfolded
    if isinstance(schema, dict) and not {"name", "function", "title"} & set(schema):
        return schema  # LangChain's wants a title
    try:
        return convert_to_json_schema(schema)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"schema={schema!r}: give a Pydantic class, a TypedDict or a JSON schema") from error


def _reader(schema: Any) -> Any:
    """Reads a reply: an object of a Pydantic class, else what `json.loads` makes of it."""
    parser = None
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        parser = PydanticOutputParser[Any](pydantic_object=schema)

    def read(message: AIMessage) -> Any:
        text = str(message.text)
        if (refusal := message.additional_kwargs.get("refusal")) is not None:
            raise OutputParserException(str(refusal))
        if message.response_metadata.get("finish_reason") == "length":
            raise OutputParserException(f"the JSON was cut at the token limit: {text[-60:]!r}", llm_output=text)
        return json.loads(text) if parser is None else parser.parse(text)

    return read
