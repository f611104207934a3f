"""The fixed document that `scripted/markdown` answers with: what a renderer can stumble over. Not a test by itself."""

# ruff: noqa: RUF001 - the document is multilingual on purpose.

DOCUMENT = r"""# A document with everything

A paragraph with **bold**, *italic*, ***both***, `inline code`, ~~struck~~ text, a [link](https://example.com/a_(b))
and a hard break.\
Next line, with an escaped \* star, an `&amp;` entity and an autolink <https://example.com>.

## Lists

1. First
2. Second
   - nested *bullet*
   - [x] done
   - [ ] not done
3. Third

> A quote
>
> > inside a quote, with `code`

## Table

| Language | Hello      | Width |
|:---------|:----------:|------:|
| English  | Hello      |     5 |
| 中文      | 你好，世界   |     5 |
| العربية  | مرحبا      |     5 |
| Pipe     | a \| b     |     3 |

## Code

```python
def fibonacci(n: int) -> int:
    '''Returns the n-th number. <script>alert("no")</script>'''
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a  # 注释
```

```html
<button onclick="alert(1)">&lt;not run&gt;</button>
```

    indented code

## Mathematics

Inline $e^{i\pi} + 1 = 0$ and \(a^2 + b^2 = c^2\), a price of $5, and a block:

$$
\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}
$$

\[
\begin{pmatrix} a & b \\ c & d \end{pmatrix}
\]

## 中文段落

流式输出按照词元到达，**粗体**与`代码`混排，标点“引号”、顿号、省略号……都应当完整。
“**注意：**这里没有空格。”

## Emoji

Simple 🙂, with a modifier 👍🏽, joined 👩‍👩‍👧‍👦, flags 🇨🇳🇩🇪, keycap 1️⃣, combining é and ü.

<details><summary>Raw HTML</summary><img src=x onerror=alert(1)></details>

---

The end.
"""
