"""The backgrounds that can be asked for. Each draws [b, 3, T, h, w] with motion, from a World's random numbers."""
import torch
import torch.nn.functional as F


def rgb(*values):
    return lambda w: torch.tensor(values, device=w.device).view(1, 3, 1, 1, 1)


def vertical(w, top, bottom):
    ramp = ((w.y + 1) / 2)[None, None, None]
    return rgb(*top)(w) * (1 - ramp) + rgb(*bottom)(w) * ramp


def tint(w, b, amount=0.06):
    return w.rand(b, 3, 1, 1, 1, lo=-amount, hi=amount)


def scroll(w, b, speed):
    """Horizontal position of every pixel over time, [b, T, h, w]."""
    way = torch.where(w.rand(b, 1, 1, 1) < 0.5, -1.0, 1.0)
    return w.x[None, None] + way * speed * w.time[None, :, None, None] + w.rand(b, 1, 1, 1, hi=20)


def ridge(w, b, x, scale, octaves=4):
    """A mountain line: a sum of sines with random phases, about -1 .. 1."""
    out, weight = 0, 1.0
    for i in range(octaves):
        f = scale * 1.9 ** i * w.rand(b, 1, 1, 1, lo=0.8, hi=1.2)
        out = out + weight * torch.sin(x * f + w.rand(b, 1, 1, 1, hi=6.28)).abs().neg().add(0.5)
        weight *= 0.5
    return out


def under(w, line, sharp=45.0):
    return torch.sigmoid((w.y[None, None] - line) * sharp)[:, None]


def over(base, color, mask):
    return base * (1 - mask) + color * mask


def moving_dots(w, b, n, dx, dy, size, wobble=0.0):
    """n soft dots a clip that drift and wrap; sum of their brightness [b, 1, T, h, w]."""
    out = torch.zeros(b, 1, w.t, w.h, w.w, device=w.device)
    for _ in range(n):
        x0, y0, s = w.rand(b, 1, lo=-1.8, hi=1.8), w.rand(b, 1, lo=-1, hi=1), w.rand(b, 1, 1, 1, lo=0.6, hi=1.4) * size
        speed = w.rand(b, 1, lo=0.6, hi=1.4)
        x = ((x0 + dx * speed * w.time + wobble * torch.sin(w.time * 7 + x0 * 9) + 1.9) % 3.8) - 1.9
        y = ((y0 + dy * speed * w.time + 1.1) % 2.2) - 1.1
        d = (w.x[None, None] - x[:, :, None, None]) ** 2 + (w.y[None, None] - y[:, :, None, None]) ** 2
        out += torch.exp(-d / (s * s))[:, None]
    return out.clamp(0, 1)


def starry_night(w, b):
    sky = vertical(w, (0.02, 0.03, 0.12), (0.10, 0.12, 0.32)) + tint(w, b, 0.03)
    stars = (w.rand(b, 1, 1, w.h // 2, w.w // 2) > 0.988).float() * w.rand(b, 1, 1, w.h // 2, w.w // 2, lo=0.4)
    stars = F.interpolate(stars[:, :, 0], (w.h, w.w), mode="bilinear", align_corners=False)[:, :, None]
    stars = stars * (0.75 + 0.25 * torch.sin(w.time * 20 + 1)[None, None, :, None, None])
    x = scroll(w, b, 0.08)
    sky = sky + stars
    sky = over(sky, rgb(0.07, 0.08, 0.17)(w), under(w, 0.35 + 0.25 * ridge(w, b, x, 1.1)))
    return over(sky, rgb(0.02, 0.02, 0.05)(w), under(w, 0.62 + 0.22 * ridge(w, b, x * 1.6, 1.7)))


def sunset_sea(w, b):
    sky = vertical(w, (0.35, 0.18, 0.42), (1.0, 0.62, 0.22)) + tint(w, b)
    sx, sy = w.rand(b, 1, 1, 1, lo=-0.9, hi=0.9), w.rand(b, 1, 1, 1, lo=-0.15, hi=0.05) + 0.12 * w.time[None, :, None, None]
    d = torch.hypot(w.x[None, None] - sx, w.y[None, None] - sy)
    sky = sky + (torch.sigmoid((0.2 - d) * 40) * 0.5 + torch.exp(-d * 2.2) * 0.35)[:, None] * rgb(1.0, 0.9, 0.5)(w)
    y = w.y[None, None] - 0.15
    depth = 1 / y.clamp(min=0.02)
    waves = torch.sin(depth * 6 + scroll(w, b, 0.2) * 3 + w.time[None, :, None, None] * 5) * torch.sin(depth * 3.1 - w.time[None, :, None, None] * 4 + w.x * 7)
    glint = torch.exp(-((w.x[None, None] - sx) / (0.15 + 0.5 * y.clamp(min=0))) ** 2) * (0.5 + 0.5 * waves)
    sea = rgb(0.22, 0.17, 0.34)(w) + 0.07 * waves[:, None] + glint[:, None] * rgb(0.8, 0.5, 0.2)(w)
    return over(sky, sea, under(w, torch.full_like(waves, 0.15), 80))


def snowy_pass(w, b):
    x = scroll(w, b, 0.1)
    out = vertical(w, (0.62, 0.70, 0.80), (0.85, 0.88, 0.92)) + tint(w, b, 0.04)
    line = 0.05 + 0.4 * ridge(w, b, x, 0.9)
    rock = rgb(0.42, 0.45, 0.52)(w) + 0.35 * torch.sigmoid(ridge(w, b, x + w.y[None, None] * 1.5, 4.0) * 8)[:, None]
    out = over(out, rock, under(w, line))
    out = over(out, rgb(0.93, 0.95, 0.98)(w), under(w, 0.5 + 0.14 * torch.sin(x * 1.4), 20))
    return out + moving_dots(w, b, 40, 0.3, 1.6, 0.02, 0.03) * 0.6


def desert(w, b):
    x = scroll(w, b, 0.12)
    out = vertical(w, (0.35, 0.60, 0.88), (0.85, 0.85, 0.78)) + tint(w, b, 0.05)
    for level, color in ((0.05, (0.88, 0.66, 0.38)), (0.32, (0.82, 0.56, 0.28)), (0.62, (0.72, 0.45, 0.20))):
        crest = level + 0.14 * torch.sin(x * w.rand(b, 1, 1, 1, lo=0.8, hi=1.8) + w.rand(b, 1, 1, 1, hi=6.28))
        grain = 0.04 * torch.sin((w.y[None, None] - crest) * 70 + x * 5)[:, None]
        out = over(out, rgb(*color)(w) + grain, under(w, crest, 60))
        x = x * 1.1
    return out


def forest(w, b):
    x = scroll(w, b, 0.08)
    leaves = w.noise(b, 1, w.h, w.w, 6, 5, 0.75)[:, :, None]
    out = vertical(w, (0.32, 0.52, 0.25), (0.10, 0.25, 0.10)) + 0.16 * leaves + tint(w, b, 0.04)
    sway = 0.02 * torch.sin(w.time * 6)[None, :, None, None] * (0.5 - w.y[None, None])
    for scale, tone in ((5.0, 0.24), (3.1, 0.16)):
        trunk = torch.cos((x + sway) * scale + 0.6 * torch.sin(x * 2.3))
        mask = torch.sigmoid((trunk - 0.86) * 60)[:, None]
        out = over(out, rgb(tone * 1.25, tone * 0.95, tone * 0.6)(w) + 0.03 * leaves, mask)
    return over(out, rgb(0.13, 0.22, 0.08)(w) + 0.08 * leaves, under(w, 0.6 + 0.05 * torch.sin(x * 4), 30))


def city_night(w, b):
    x = scroll(w, b, 0.15)
    out = vertical(w, (0.03, 0.04, 0.12), (0.28, 0.18, 0.30)) + tint(w, b, 0.03)
    for scale, base, tone in ((4.0, -0.1, 0.10), (2.6, 0.15, 0.05)):
        cell = torch.floor(x * scale)
        height = base + 0.5 * torch.sin(cell * 12.9898 + scale) * torch.cos(cell * 4.1)
        mask = under(w, height, 90)
        lit = (torch.sin(torch.floor(x * scale * 6) * 7.13 + torch.floor(w.y[None, None] * 14) * 3.71) > 0.35).float()
        frame = ((x * scale * 6) % 1 > 0.35).float() * ((w.y[None, None] * 14) % 1 > 0.4).float()
        windows = (lit * frame)[:, None] * rgb(0.95, 0.80, 0.45)(w) * 0.85
        out = over(out, rgb(tone, tone, tone * 1.6)(w) + windows, mask)
    return out


def underwater(w, b):
    out = vertical(w, (0.10, 0.60, 0.72), (0.01, 0.14, 0.32)) + tint(w, b, 0.04)
    t = w.time[None, :, None, None]
    rays = torch.sin(scroll(w, b, 0.2) * 5 + w.y[None, None] * 1.2 + t * 2) * torch.sin(w.x[None, None] * 3 - w.y[None, None] + t)
    out = out + (0.12 * rays * (0.6 - 0.5 * w.y[None, None]))[:, None]
    out = over(out, rgb(0.10, 0.24, 0.30)(w), under(w, 0.75 + 0.08 * torch.sin(scroll(w, b, 0.0) * 3), 25))
    return out + moving_dots(w, b, 14, 0.05, -1.1, 0.035, 0.05) * 0.4


def aurora(w, b):
    x = scroll(w, b, 0.1)
    t = w.time[None, :, None, None]
    out = vertical(w, (0.02, 0.03, 0.10), (0.05, 0.10, 0.20)) + tint(w, b, 0.02)
    for i, color in enumerate(((0.15, 0.95, 0.50), (0.45, 0.30, 0.85))):
        curtain = -0.25 + 0.2 * i + 0.22 * torch.sin(x * (1.3 + i) + t * 3 + i) + 0.08 * torch.sin(x * 5 - t * 5)
        d = w.y[None, None] - curtain
        glow = torch.exp(-(d.clamp(min=0) * 9)) * torch.exp(d.clamp(max=0) * 1.8) * (0.7 + 0.3 * torch.sin(x * 22 + t * 8))
        out = out + (glow * 0.75)[:, None] * rgb(*color)(w)
    return over(out, rgb(0.55, 0.63, 0.75)(w) * 0.6, under(w, 0.68 + 0.1 * torch.sin(x * 1.5), 30))


def cloudy_sky(w, b):
    out = vertical(w, (0.20, 0.45, 0.85), (0.62, 0.80, 0.95)) + tint(w, b, 0.05)
    still = w.noise(b, 1, w.h * 3 // 2, w.w * 3 // 2, 3, 6, 0.6).expand(-1, 3, -1, -1)
    clouds = torch.sigmoid(w.warp(still, (1.3, 1.5))[:, :1] * 5 - 0.4)
    return over(out, rgb(0.97, 0.97, 0.98)(w), clouds * 0.92)


def meadow(w, b):
    x = scroll(w, b, 0.1)
    out = vertical(w, (0.30, 0.60, 0.95), (0.80, 0.90, 0.98)) + tint(w, b, 0.05)
    sway = torch.sin(w.time * 7)[None, :, None, None]
    grass = 0.1 * torch.sin(x * 40 + sway * 2 + torch.sin(w.y[None, None] * 40) * 2)[:, None]
    out = over(out, rgb(0.35, 0.62, 0.25)(w), under(w, 0.1 + 0.12 * torch.sin(x * 1.3)))
    out = over(out, rgb(0.45, 0.72, 0.20)(w) + grass, under(w, 0.35 + 0.06 * torch.sin(x * 2.1 + 1)))
    return out + moving_dots(w, b, 16, 0.05, 0.0, 0.025, 0.02) * under(w, torch.full_like(x, 0.45)) * rgb(0.5, 0.2, 0.3)(w)


SCENES = {
    "starry night": (starry_night, ["a starry night over mountains", "a starry night", "mountains under the stars at night"]),
    "sunset sea": (sunset_sea, ["a sunset over the sea", "the sea at sunset", "an ocean sunset"]),
    "snowy pass": (snowy_pass, ["a snowy pass", "a snowy mountain pass", "snowfall in the mountains"]),
    "desert": (desert, ["desert dunes", "a desert with sand dunes", "a sandy desert"]),
    "forest": (forest, ["a forest", "a green forest", "a forest with tall trees"]),
    "city night": (city_night, ["a city at night", "a city skyline at night", "night in the city"]),
    "underwater": (underwater, ["an underwater scene", "the bottom of the sea", "underwater with bubbles"]),
    "aurora": (aurora, ["an aurora over the snow", "northern lights", "the northern lights over snow"]),
    "cloudy sky": (cloudy_sky, ["a blue sky with clouds", "a cloudy sky", "the sky with drifting clouds"]),
    "meadow": (meadow, ["a sunny meadow", "a green meadow with flowers", "a meadow in summer"]),
}
