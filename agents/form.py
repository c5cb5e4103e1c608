"""What a server's form shows of a model's fields."""

from typing import Any


def form_schema(schema: dict[str, Any]) -> None:
    """Describe a field that may be left out by its value alone: forms have a widget for a number, none for `or null`.

    For `ConfigDict(json_schema_extra=...)`; changes the schema in place.
    """
    for field in schema["properties"].values():
        if "description" in field:
            field["description"] = " ".join(field["description"].split())
        if isinstance(field.get("default"), dict):
            field["default"] = {name: value for name, value in field["default"].items() if value is not None}
        if field.get("default", ...) is None:
            del field["default"]
            value = next(choice for choice in field.pop("anyOf") if choice != {"type": "null"})
            field.update(value)
