"""A rule that the validator does not know stops the start, wherever it stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from fireside.edge.validate import UnknownRuleError, Validator
from fireside.gen.buf.validate import validate_pb2

STRING, INT, MESSAGE = (
    FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_INT32, FieldDescriptorProto.TYPE_MESSAGE,
)  # fmt: skip


def compiled(build: Callable[[DescriptorProto], None]) -> Descriptor:
    file = FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    build(file.message_type.add(name="M"))
    pool = DescriptorPool()
    pool.Add(file)
    return pool.FindMessageTypeByName("t.M")


def field(message: DescriptorProto, kind: int, rules: validate_pb2.FieldRules | None = None, **more: object) -> None:
    made = message.field.add(name=f"f{len(message.field)}", number=len(message.field) + 1, type=kind, label=1)
    for name, value in more.items():
        setattr(made, name, value)
    if rules is not None:
        made.options.Extensions[validate_pb2.field].CopyFrom(rules)


Rules = validate_pb2.FieldRules
UNKNOWN = {
    "a pattern": (STRING, Rules(string=validate_pb2.StringRules(pattern="a"))),
    "another format": (STRING, Rules(string=validate_pb2.StringRules(email=True))),
    "an expression": (STRING, Rules(cel_expression=["this != ''"])),
    "ignore always": (STRING, Rules(ignore=validate_pb2.IGNORE_ALWAYS)),
    "a constant": (INT, Rules(int32=validate_pb2.Int32Rules(const=1))),
    "a range that is turned round": (INT, Rules(int32=validate_pb2.Int32Rules(gte=5, lte=1))),
    "a rule of the future": (STRING, Rules(string=validate_pb2.StringRules.FromString(b"\xf8\xff\x01\x01"))),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_rule_stops_the_start(name: str) -> None:
    kind, rules = UNKNOWN[name]
    with pytest.raises(UnknownRuleError):
        Validator([compiled(lambda message: field(message, kind, rules))])


def test_an_unknown_rule_on_the_items_of_a_list_stops_the_start() -> None:
    rules = Rules(repeated=validate_pb2.RepeatedRules(items=Rules(string=validate_pb2.StringRules(prefix="a"))))
    with pytest.raises(UnknownRuleError):
        Validator([compiled(lambda message: field(message, STRING, rules, label=3))])


def test_rules_on_a_whole_message_stop_the_start() -> None:
    def build(message: DescriptorProto) -> None:
        message.options.Extensions[validate_pb2.message].cel_expression.append("true")

    with pytest.raises(UnknownRuleError):
        Validator([compiled(build)])


def test_rules_in_a_type_that_holds_itself_stop_the_start() -> None:
    def build(message: DescriptorProto) -> None:
        field(message, STRING, Rules(string=validate_pb2.StringRules(min_len=1)))
        field(message, MESSAGE, type_name=".t.M")

    with pytest.raises(UnknownRuleError):
        Validator([compiled(build)])


def test_a_type_that_was_not_compiled_is_refused() -> None:
    other = compiled(lambda message: field(message, STRING))
    with pytest.raises(KeyError):
        Validator([]).violations(GetMessageClass(other)())


def test_an_enum_takes_defined_values_only() -> None:
    def build(message: DescriptorProto) -> None:
        enum = message.enum_type.add(name="E")
        enum.value.add(name="NONE", number=0)
        rules = Rules(enum=validate_pb2.EnumRules(defined_only=True))
        field(message, FieldDescriptorProto.TYPE_ENUM, rules, type_name=".t.M.E")

    descriptor = compiled(build)
    wrong = GetMessageClass(descriptor)(f0=7)
    assert [found.field for found in Validator([descriptor]).violations(wrong)] == ["f0"]
