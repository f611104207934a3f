"""Request validation as the proto declares it (protovalidate), compiled from descriptors to closures at start.

Not a CEL engine: each rule kind that proto/ uses is written here by hand, and a rule that is not known raises at start.
A contract test compares the results, texts included, with the protovalidate library, which would cost the server
100 ms of start, 20 MB and milliseconds for each request.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from google.protobuf.unknown_fields import UnknownFieldSet

from fireside.core.errors import FieldViolation
from fireside.gen.buf.validate import validate_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.message import Message

    # What is wrong with one value; empty when nothing is.
    ValueRule = Callable[[Any], str]
    # Adds what is wrong with a message, with paths relative to it.
    Check = Callable[[Message, list[FieldViolation]], None]

_UUID = re.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_FLOATS = ("double", "float")
_INTEGERS = (
    "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64",
)  # fmt: skip
_RANGE = {"gt", "gte", "lt", "lte"}


# The generated stubs give extensions the type of a plain field.
_ON_MESSAGE: Any = validate_pb2.message
_ON_ONEOF: Any = validate_pb2.oneof
_ON_FIELD: Any = validate_pb2.field


class UnknownRuleError(Exception):
    """The proto declares a rule that this module does not know: a defect, found at start."""


def _min_len(limit: int) -> ValueRule:
    return lambda value: f"must be at least {limit} characters" if len(value) < limit else ""


def _max_len(limit: int) -> ValueRule:
    return lambda value: f"must be at most {limit} characters" if len(value) > limit else ""


def _max_bytes(limit: int) -> ValueRule:
    def rule(value: str) -> str:
        # A character is at most four bytes, so most texts need not be encoded to be counted.
        if len(value) * 4 <= limit or len(value.encode()) <= limit:
            return ""
        return f"must be at most {limit} bytes"

    return rule


def _uuid(wanted: bool) -> ValueRule:  # noqa: FBT001 - the value of the rule
    def rule(value: str) -> str:
        if not wanted or _UUID.fullmatch(value):
            return ""
        return "must be a valid UUID" if value else "value is empty, which is not a valid UUID"

    return rule


def _pattern(text: str) -> ValueRule:
    # RE2's `$` is the end of the text, Python's also stands before a last newline. Classes like \d differ as well.
    if not text.startswith("^") or not text.endswith("$") or "\\" in text:
        message = f"the pattern {text!r} is not from ^ to $, or uses more than both dialects agree on"
        raise UnknownRuleError(message)
    search = re.compile(text[:-1] + r"\Z").search
    return lambda value: "" if search(value) else f"does not match regex pattern `{text}`"


def _bytes_len(length: int) -> ValueRule:
    return lambda value: f"must be {length} bytes" if len(value) != length else ""


def _bytes_max_len(limit: int) -> ValueRule:
    return lambda value: f"must be at most {limit} bytes" if len(value) > limit else ""


def _min_items(limit: int) -> ValueRule:
    return lambda value: f"must contain at least {limit} item(s)" if len(value) < limit else ""


def _max_items(limit: int) -> ValueRule:
    return lambda value: f"must contain no more than {limit} item(s)" if len(value) > limit else ""


def _not_in(values: Sequence[int]) -> ValueRule:
    refused = frozenset(values)
    text = f"must not be in list [{', '.join(map(str, values))}]"
    return lambda value: text if value in refused else ""


_RULES: dict[str, dict[str, Callable[[Any], ValueRule]]] = {
    "string": {"min_len": _min_len, "max_len": _max_len, "max_bytes": _max_bytes, "uuid": _uuid, "pattern": _pattern},
    "bytes": {"len": _bytes_len, "max_len": _bytes_max_len},
    "repeated": {"min_items": _min_items, "max_items": _max_items},
    "enum": {"not_in": _not_in},
}


def _number(value: float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _range_rule(limits: dict[str, float], where: str) -> ValueRule:
    """A lower and an upper limit make one rule with one text, as in protovalidate."""
    low, high = limits.get("gte", limits.get("gt", -math.inf)), limits.get("lte", limits.get("lt", math.inf))
    if low > high:
        message = f"{where}: a range like {limits} is not known here"
        raise UnknownRuleError(message)
    above, below = "gt" in limits, "lt" in limits
    texts: list[str] = []
    if low != -math.inf:
        texts.append(f"greater than {'' if above else 'or equal to '}{_number(low)}")
    if high != math.inf:
        texts.append(f"less than {'' if below else 'or equal to '}{_number(high)}")
    text = "must be " + " and ".join(texts)

    def rule(value: float) -> str:
        # Written so that NaN, which compares false with everything, is wrong.
        fine = (value > low if above else value >= low) and (value < high if below else value <= high)
        return "" if fine else text

    return rule


def _duration_rule(limits: Mapping[str, Duration], where: str) -> ValueRule:
    """Compares in nanoseconds. The text has the limits in seconds."""
    rule = _range_rule({name: limit.seconds + limit.nanos / 1e9 for name, limit in limits.items()}, where)
    text = re.sub(r"-?[0-9.]+", lambda number: f"{number[0]}s", rule(math.nan))
    low, high = (limits.get("gte", limits.get("gt")), limits.get("lte", limits.get("lt")))
    least = -math.inf if low is None else _nanoseconds(low) + ("gt" in limits)
    most = math.inf if high is None else _nanoseconds(high) - ("lt" in limits)
    return lambda value: "" if least <= _nanoseconds(value) <= most else text


def _nanoseconds(duration: Duration) -> int:
    return duration.seconds * 1_000_000_000 + duration.nanos


def _enum_rule(field: FieldDescriptor) -> ValueRule:
    enum = field.enum_type
    known = frozenset(enum.values_by_number) if enum is not None else frozenset[int]()
    return lambda value: "" if value in known else "value must be one of the defined enum values"


def _value_rules(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> list[ValueRule]:
    """The rules of one value (for a repeated field: of the whole list)."""
    kind = rules.WhichOneof("type")
    if kind is None:
        return []
    typed: Message = getattr(rules, kind)
    where = f"{field.full_name}: {kind}"
    result: list[ValueRule] = []
    limits: dict[str, Any] = {}  # numbers, or durations
    for rule, value in typed.ListFields():
        if kind in (*_FLOATS, *_INTEGERS, "duration") and rule.name in _RANGE:
            limits[rule.name] = value
        elif kind == "enum" and rule.name == "defined_only":
            if value:
                result.append(_enum_rule(field))
        elif maker := _RULES.get(kind, {}).get(rule.name):
            result.append(maker(value))
        elif (kind, rule.name) != ("repeated", "items"):
            message = f"{where}.{rule.name} is not known here"
            raise UnknownRuleError(message)
    if len(UnknownFieldSet(typed)):
        message = f"{where}: a rule of a newer protovalidate is not known here"
        raise UnknownRuleError(message)
    if limits:
        result.append((_duration_rule if kind == "duration" else _range_rule)(limits, where))
    return result


_FIELD_RULES = {"required", "ignore", "repeated", "string", "bytes", "enum", "duration", *_FLOATS, *_INTEGERS}


def _refuse_unknown(where: str, rules: Message, known: set[str]) -> None:
    names = {rule.name for rule, _ in rules.ListFields()} - known
    if names or len(UnknownFieldSet(rules)):
        message = f"{where}: {', '.join(sorted(names)) or 'a newer rule'} is not known here"
        raise UnknownRuleError(message)


def _add(out: list[FieldViolation], path: str, value: object, rules: Sequence[ValueRule]) -> None:
    out.extend(FieldViolation(path, text) for rule in rules if (text := rule(value)))


def _field_check(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Check:
    """The rules that are declared on a field itself."""
    _refuse_unknown(field.full_name, rules, _FIELD_RULES)
    if rules.ignore not in (validate_pb2.IGNORE_UNSPECIFIED, validate_pb2.IGNORE_IF_ZERO_VALUE):
        message = f"{field.full_name}: {rules.ignore} of ignore is not known here"
        raise UnknownRuleError(message)
    name, presence, required = field.name, field.has_presence, rules.required
    skip_empty = presence or rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE
    value_rules = _value_rules(field, rules)

    def check(message: Message, out: list[FieldViolation]) -> None:
        value = getattr(message, name)
        if not (message.HasField(name) if presence else value):
            if required:
                out.append(FieldViolation(name, "value is required"))
                return
            if skip_empty:
                return
        _add(out, name, value, value_rules)

    return check


def _items_check(field: FieldDescriptor, items: validate_pb2.FieldRules) -> Check:
    _refuse_unknown(f"{field.full_name}: repeated.items", items, _FIELD_RULES - {"required", "ignore"})
    name, value_rules = field.name, _value_rules(field, items)

    def check(message: Message, out: list[FieldViolation]) -> None:
        for index, item in enumerate(getattr(message, name)):
            _add(out, f"{name}[{index}]", item, value_rules)

    return check


def _oneof_check(oneof: OneofDescriptor) -> Check:
    name = oneof.name

    def check(message: Message, out: list[FieldViolation]) -> None:
        if message.WhichOneof(name) is None:
            out.append(FieldViolation(name, "exactly one field is required in oneof"))

    return check


def _prefix(out: list[FieldViolation], start: int, path: str) -> None:
    for index in range(start, len(out)):
        out[index] = replace(out[index], field=f"{path}.{out[index].field}")


def _nested_check(field: FieldDescriptor, inner: Check) -> Check:
    name = field.name

    def one(message: Message, out: list[FieldViolation]) -> None:
        if message.HasField(name):
            start = len(out)
            inner(getattr(message, name), out)
            _prefix(out, start, name)

    def many(message: Message, out: list[FieldViolation]) -> None:
        for index, item in enumerate(getattr(message, name)):
            start = len(out)
            inner(item, out)
            _prefix(out, start, f"{name}[{index}]")

    return many if field.is_repeated else one


class Validator:
    """Validates messages of the types that it was made for."""

    def __init__(self, types: Sequence[Descriptor]) -> None:
        """Compiles the rules of `types` and of all that they hold. Raises UnknownRuleError."""
        self._checks: dict[str, Check | None] = {}
        # Types that are being compiled, and those of them that were met again inside themselves.
        self._open: set[str] = set()
        self._recursive: set[str] = set()
        for descriptor in types:
            self._compile(descriptor)

    def violations(self, message: Message) -> list[FieldViolation]:
        """What is wrong with a message, in the order of the fields; paths look like `spec.sampling.stop[0]`.

        Raises KeyError for a type that it was not made for, so that nothing passes unseen.
        """
        out: list[FieldViolation] = []
        check = self._checks[message.DESCRIPTOR.full_name]
        if check is not None:
            check(message, out)
        return out

    def _compile(self, descriptor: Descriptor) -> Check | None:
        """The check of a message type; None when neither it nor anything in it has a rule."""
        name = descriptor.full_name
        if name in self._checks:
            return self._checks[name]
        if name in self._open:  # google.protobuf.Value holds itself: fine as long as it turns out to have no rules
            self._recursive.add(name)
            return None
        self._open.add(name)
        if descriptor.GetOptions().HasExtension(_ON_MESSAGE):
            message = f"{name}: rules on a whole message are not known here"
            raise UnknownRuleError(message)
        checks: list[Check] = []
        for oneof in descriptor.oneofs:
            rules: validate_pb2.OneofRules = oneof.GetOptions().Extensions[_ON_ONEOF]
            _refuse_unknown(oneof.full_name, rules, {"required"})
            if rules.required:
                checks.append(_oneof_check(oneof))
        for field in descriptor.fields:
            checks += self._field(field)

        def check(message: Message, out: list[FieldViolation]) -> None:
            for item in checks:
                item(message, out)

        if checks and name in self._recursive:
            message = f"{name}: rules in a type that holds itself are not known here"
            raise UnknownRuleError(message)
        self._open.discard(name)
        self._checks[name] = check if checks else None
        return self._checks[name]

    def _field(self, field: FieldDescriptor) -> list[Check]:
        checks: list[Check] = []
        options = field.GetOptions()
        if options.HasExtension(_ON_FIELD):
            rules: validate_pb2.FieldRules = options.Extensions[_ON_FIELD]
            checks.append(_field_check(field, rules))
            if rules.repeated.HasField("items"):
                checks.append(_items_check(field, rules.repeated.items))
        if field.message_type is None:
            return checks
        inner = self._compile(field.message_type)
        if inner is None:
            return checks
        if field.message_type.GetOptions().map_entry:
            message = f"{field.full_name}: rules inside a map are not known here"
            raise UnknownRuleError(message)
        return [*checks, _nested_check(field, inner)]
