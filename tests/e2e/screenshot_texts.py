"""What is seen in the screenshots: sample conversations, written for them. No model's own words."""

# ruff: noqa: RUF001 - one of them is Chinese.

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """A conversation, and those that stand beside it in the list with how many hours ago they were used."""

    title: str
    assistant: str
    turns: tuple[str, ...]
    """Question, answer, question, answer ..."""

    others: tuple[tuple[str, float], ...]


ENGLISH = Scene(
    title="Group words by their letters",
    assistant="Assistant",
    turns=(
        "How do I group words that are made of the same letters?",
        """Words made of the same letters have **the same key**: `sorted(word)`.

```python
def group(words: list[str]) -> list[list[str]]:
    ordered = sorted(words, key=sorted)
    return [list(same) for _, same in groupby(ordered, key=sorted)]
```""",
        "Is there anything faster than sorting?",
        """Counting is, for long words. With $n$ words of length $k$:

| Key | Time | Good for |
|:----|:-----|:---------|
| Sorted letters | $O(n \\cdot k \\log k)$ | Short words, any alphabet |
| Letter counts | $O(n \\cdot k)$ | Long words, a small alphabet |""",
    ),
    others=(
        ("A week of dinners without an oven", 1.5),
        ("Why the sky is red in the evening", 3),
        ("Letter to the landlord", 26),
        ("Regex for German dates", 29),
        ("Names for a small boat", 70),
        ("Explain TLS to my grandmother", 98),
        ("Packing list for Iceland", 140),
        ("Sourdough that does not rise", 300),
        ("Book club: questions on Middlemarch", 420),
    ),
)

CHINESE = Scene(
    title="泡一壶好茶",
    assistant="助手",
    turns=(
        "不同的茶，水温和时间应该怎么掌握？",
        """简单说：**茶越嫩，水温越低**；发酵程度越高，水温越高。

| 茶类 | 水温 | 时间 | 每 200 毫升 |
|:-----|-----:|-----:|-----:|
| 绿茶 | 80 °C | 2 分钟 | 3 克 |
| 乌龙 | 95 °C | 1 分钟 | 5 克 |
| 普洱 | 100 °C | 30 秒 | 6 克 |""",
        "没有温度计，怎么估算水温？",
        """可以用牛顿冷却定律估算，室温为 $T_r$ 时：

$$T(t) = T_r + (100 - T_r)\\, e^{-kt}$$

敞口的玻璃杯大约 $k \\approx 0.06$（每分钟）。也可看水：**冒小泡**约 80 °C，**成串上升**约 90 °C。""",
    ),
    others=(
        ("给孩子讲引力", 2),
        ("周末去苏州的两日行程", 4),
        ("用 Python 整理照片", 27),
        ("写一封感谢信", 50),
        ("什么是零知识证明？", 96),
        ("阳台上能种哪些蔬菜", 260),
    ),
)
