"""What bearings.py has to know of multilingual-e5-small. Data, made by `python -m bench.retrieval.bearings`.

Little-endian 16-bit floats.
"""

from __future__ import annotations

from typing import Final

MIDDLE: Final = (
    "oym+pDqk/6ogLb6jpKGHJDktKCOqKCgghSyspiKryCgNLNiluqXLqhonbBefqNgpWyuTK7ypbyVxKVmthKobqq8pSat8Klwo1arSqvMp/6s2pi"
    "knwigILd4oiikxqw4pk6k/qJqnWipgIvwopSXCqv+pHK2/rC0qKyyYnegjiiaqLVkr5ClFKpaofKAzq70rUhwMqdEhuiKLKYOpgSbzqU6sV6lN"
    "qBUn/6r0KXIqT6tBKzyl+SpcKr+ou6voq82qQamRKbUrRqZ5K92o5SMBrfip1Cr0KGOsxyraqgeq7CjyKcwoB6xFqeKk/Kp8KHWrFCiDqIepca"
    "jfq7uprimgKH+iHxulKAIoZR+CKVcnni3oqfcbW6UeprWoPCqnqPQptypwKeMrIKkGLByr0CfQpoYrlSdNKlGq9qkdqm4qGitDqs2rKqyZpMOs"
    "j6iwKPArpqs3puKmNSWupQMngBygKsOnviRULTIq5aFzpoypq6qJqxqoL6gdKBckAqIdpkkp5aiBq02qTidNqpgqxSk1KfsdlqiQKC4o+yaDEb"
    "KsFiuzqBkqoykIrA6sgCtVqVqiTSDlKtWotyUSKn6dgidkraOryipHKtqqMamNKTeopabfq6qsG6qmq1cd7CjqKhislpoDqvwlgKxSLDOoIKhv"
    "JlOdfCg0J9aqfamRqvakRymIK6Es4ajMJqQiJaWSLU4pbSoHJyWro6YOrOuol6v0JvUqB6yLq+CorCkGLQmoGKm9KDwnayiEKq8rHKJMpY8pOq"
    "oRqY2iNKqyKEip3CumJvgUgyyXqiQpOqaGqtgojycKrogoBR/UJN8kDSmMLDEql6oMppgofyuzHoInKKhwqrWqr6n7onyp/CnoKHWpoaleLB4l"
    "aCXDpnSoPyf7qdikf6hYKh2rDas6Jy0rA6d3KmmnTayBKf+kJ6YCJ80qK61aI9op+alRKS2rh6r/Kd0pUqzppfUoAiqKKs0oAKNMGZEoTqzUK2"
    "EpMap3neOiWqsIqwgr4anhqqIocyzfKJ4r"
)

AXIS: Final = (
    "/CmHBB2mAypAKtQqhZIhKKIqDqrPpoKs/SsqLFus7qdOofKpVSs+H8Ep5ihuq6WhzSnfrd2prykXJcsqeShJFjMgRyZoK60ocphCIjOqD6gOJK"
    "mkbSd4Kl+mnykfKWErMK0qI2cp26PCKSUWea3DqOQsb6dBqAMtCyjjLggiASI3Kt6qJCezoYgqUiB/Lj8sCSdSEdodgK9XK/oqdiqwqY6tHSBw"
    "IJChaqglqp2gDiMdpTUt16FgKEUs+x86qA2i2iROqsymqi3JIuKkK7ANIwGr1iv1Kaqi5ax8JDWl8yEIqTcpxadjHHYt4qvjKrKr2K2Lqr8oPy"
    "2CotatQCqJprewBKcuqR8m2qXUqBSqxqgzpw0quqWZqmspd6RxqRWoW6gkqdINWqu7qCKjV6vHreUo+CoJKRCWmy1YFecdxKOvpg+sPaj6q6an"
    "2q0jqWWeNBNwLA8tGy32meGopRxDK1Mpya2LLGQrMidXIXGm2iejnuAngSmYpIeflCx0J5opGaqxJoYi/a0zn8wdRal8KlYo8KtQqRemjykfqc"
    "OrAKsVq8qlFKp+Jm0aayRVr1wrO5LdgAMYZKNIrIoVYqxcqYwvYyNgrKcnz6CRqC6qWimbKM6p56lGrqIp1Ry5JoysNC8WrGCuHCdPKs2rVqOC"
    "Ka+lKCg8I5Sng6EQqzklVBFmKUEpBQ+zKNEkqSaeIbwpvChlrSmZtyR9D/Up/yvwqW0wFx2yKDIgMi1ILh2sMh7SKm4lCJhUqPeZCavvqJ2oGy"
    "lyKxgl5TBco8apFKkAqM+lIpibsFGiAanULYko0q39rYQrwCGrr4YpbixiLhwmcCYyqWSu86wcLJIhuJiGLFokNCx5qhSbhCuZrI6pWaMlLX0p"
    "MqhvI2OjrxkVKzmrI7DFoX6lgiMnJKkwpi3SJb2hPyCtrcEl6Sj/KeOuvyuNHIcpDCZAIyAhPKXdKVQig6trq9QnWqB+KY2r8yz4qM0pZ6rJJ3"
    "aly6qvp5OrIh2yrwipXygPJpClyCNwG6Ic"
)
