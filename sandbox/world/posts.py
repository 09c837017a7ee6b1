"""What staff post: texts of known purpose, some of them used before."""

import numpy as np

from sandbox.parameters import CONTENT_MIX, REPEATED_MATERIAL_SHARE

PURPOSES = tuple(CONTENT_MIX)
_TEXTS = {
    "value": (
        "【护肤课堂】换季泛红怎么办？三个动作先稳住屏障",
        "【护肤课堂】防晒到底要涂多少？一张图看懂",
        "【护肤课堂】早 C 晚 A 的正确打开方式",
        "【护肤课堂】敏感肌成分避雷清单",
    ),
    "promotion": (
        "【会员福利】本周专属满减，戳链接领取",
        "【会员福利】第二件半价，老客优先",
        "【会员福利】新品试用装免费领，数量有限",
    ),
    "interaction": (
        "【今日话题】你的护肤台上最离不开的是哪一瓶？",
        "【今日话题】晒空瓶，抽年卡",
    ),
    "brand": ("【品牌故事】走进我们的实验室", "【品牌故事】一支精华是怎样诞生的"),
}
_MEMORY_MS = 30 * 86_400_000


def texts(
    rng: np.random.Generator, created_ms: np.ndarray
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Purpose and text of each post, in order of time.

    Returns:
        index of the purpose, the text, and whether it was posted in the thirty days before.
    """
    count = len(created_ms)
    # the mix is met as closely as the number of posts allows
    ends = np.round(np.cumsum(list(CONTENT_MIX.values())) * count)
    purpose = rng.permutation(np.searchsorted(ends, np.arange(count), "right"))
    again = rng.random(count) < REPEATED_MATERIAL_SHARE
    back, which = rng.random(count), rng.integers(0, 12, count)
    written: list[str] = []
    for n in range(count):
        first = int(np.searchsorted(created_ms[:n], created_ms[n] - _MEMORY_MS))
        former = first + np.flatnonzero(purpose[first:n] == purpose[n])
        if again[n] and len(former):
            written.append(written[former[int(back[n] * len(former))]])
            continue
        again[n] = False
        choices = _TEXTS[PURPOSES[purpose[n]]]
        written.append(f"{choices[which[n] % len(choices)]}（第{n + 1}期）")
    return purpose, written, again
