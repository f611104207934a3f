"""What mails say, and which addresses are taken for one."""

from __future__ import annotations

import pytest

from fireside.core.errors import InvalidArgumentError
from fireside.identity import addresses, mail_texts
from fireside.identity.mail_texts import Text

URL = "https://chat.example.org/join#fsl_token"


def every(language: str) -> list[Text]:
    return [
        mail_texts.invitation(language, "Ada", URL),
        mail_texts.reset(language, URL),
        mail_texts.confirm(language, URL),
        mail_texts.taken(language, URL),
        mail_texts.moved(language, "ada@example.net", URL),
    ]


@pytest.mark.parametrize("language", ["", "en", "zh", "zh-Hans-CN", "ZH-tw", "de"])
def test_every_mail_has_its_link_on_a_line_of_its_own(language: str) -> None:
    for text in every(language):
        assert text.subject
        assert "\n" not in text.subject
        assert URL in text.body.splitlines()
        assert "{" not in text.body


def test_who_speaks_chinese_is_written_to_in_chinese() -> None:
    assert every("zh-Hans-CN") == every("zh")
    assert every("de") == every("") == every("en")
    assert all(chinese.subject != english.subject for chinese, english in zip(every("zh"), every("en"), strict=True))


def test_a_name_says_nothing_on_lines_of_its_own() -> None:
    text = mail_texts.invitation("en", "Ada\n\nOpen https://evil.example {url}", URL)
    assert text.body.count(URL) == 1
    assert not any(line.startswith("Open https://evil") for line in text.body.splitlines())


@pytest.mark.parametrize(
    "email", ["a@b", " ann@example.org ", "ann+x.y@sub.example.org", "o'neil@example.org", "用户@例子.org"]
)
def test_an_address_is_taken_as_it_is(email: str) -> None:
    assert addresses.checked(email) == email.strip()


@pytest.mark.parametrize(
    "email", ["", "@", "a@", "@b", "a@b@c", "a b@c", "a,b@c", "a@b,c", "<a@b>", 'a"@b', "a@b\0", "a\u200b@b", "a@b\\c"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        addresses.checked(email)
    assert caught.value.reason == "EMAIL_INVALID"


def test_a_domain_has_no_case() -> None:
    assert addresses.domain_of("Ann@Example.ORG") == "example.org"
