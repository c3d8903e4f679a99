"""The kinds of object, drawn by signed distances in a unit frame: x right, y down, the body about within radius 1.

draw() returns colour [b, 3, ...] and signed distance [b, ...] (negative inside); the main colour covers most of the body.
"""
import torch

DARK = (0.12, 0.09, 0.08)
WOOD = (0.45, 0.28, 0.14)


def circle(x, y, cx, cy, r):
    return torch.hypot(x - cx, y - cy) - r


def ellipse(x, y, cx, cy, rx, ry):
    k = torch.hypot((x - cx) / rx, (y - cy) / ry)
    return (k - 1) * min(rx, ry)


def box(x, y, cx, cy, hx, hy, r=0.0):
    qx, qy = (x - cx).abs() - hx + r, (y - cy).abs() - hy + r
    return torch.hypot(qx.clamp(min=0), qy.clamp(min=0)) + torch.maximum(qx, qy).clamp(max=0) - r


def segment(x, y, ax, ay, bx, by, r):
    dx, dy = bx - ax, by - ay
    h = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0, 1)
    return torch.hypot(x - ax - dx * h, y - ay - dy * h) - r


def polygon(x, y, points):
    """Signed distance to a polygon given by its corners."""
    d = torch.full_like(x, 1e9)
    inside = torch.zeros_like(x, dtype=torch.bool)
    n = len(points)
    for i in range(n):
        (ax, ay), (bx, by) = points[i], points[(i + 1) % n]
        d = torch.minimum(d, segment(x, y, ax, ay, bx, by, 0.0))
        crosses = (ay > y) != (by > y)
        if ay != by:
            inside = inside ^ (crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax))
    return torch.where(inside, -d, d)


def star_points(n, inner):
    import math
    return [(math.sin(i * math.pi / n) * (1.0 if i % 2 == 0 else inner), -math.cos(i * math.pi / n) * (1.0 if i % 2 == 0 else inner))
            for i in range(2 * n)]


def balloon(x, y, w):
    return [(segment(x, y, 0, 0.7, 0.08, 1.3, 0.025), DARK), (polygon(x, y, [(-0.12, 0.86), (0.12, 0.86), (0, 0.66)]), 0.7),
            (ellipse(x, y, 0, -0.1, 0.72, 0.85), 1.0), (ellipse(x, y, -0.28, -0.42, 0.13, 0.2), "light")]


def ball(x, y, w):
    body = circle(x, y, 0, 0, 0.85)
    return [(body, 1.0), (torch.maximum(body, (x + 0.25 * torch.sin(y * 2)).abs() - 0.1), "light"),
            (torch.maximum(body, (y - 0.1).abs() - 0.09), 0.6)]


def kite(x, y, w):
    body = polygon(x, y, [(0, -1), (0.65, -0.15), (0, 0.75), (-0.65, -0.15)])
    tail = segment(x + 0.12 * torch.sin(y * 9 + 3 * w), y, 0, 0.75, 0.1, 1.5, 0.04)
    return [(tail, 0.6), (body, 1.0), (torch.maximum(body, torch.minimum(x.abs(), (y + 0.15).abs()) - 0.035), DARK)]


def fish(x, y, w):
    tail = polygon(x, y + 0.1 * w * (x < -0.4), [(-0.55, 0), (-1.05, -0.45), (-1.05, 0.45)])
    fin = polygon(x, y, [(-0.2, -0.4), (0.25, -0.4), (-0.15, -0.78)])
    return [(tail, 0.75), (fin, 0.7), (ellipse(x, y, 0.1, 0, 0.8, 0.5), 1.0), (circle(x, y, 0.52, -0.12, 0.1), "light"),
            (circle(x, y, 0.54, -0.12, 0.05), DARK)]


def bird(x, y, w):
    lift = 0.35 * w
    wing = polygon(x, y, [(-0.3, 0.0), (0.25, 0.0), (-0.25, -0.75)])
    wing2 = torch.minimum(wing, ellipse(x, y + lift * (y < 0), -0.05, -0.35, 0.28, 0.5))
    return [(polygon(x, y, [(-0.6, 0.1), (-1.1, -0.1), (-1.05, 0.3)]), 0.7), (ellipse(x, y, 0, 0.12, 0.75, 0.36), 1.0),
            (circle(x, y, 0.62, -0.12, 0.28), 1.0), (polygon(x, y, [(0.85, -0.18), (1.15, -0.06), (0.85, 0.02)]), (0.95, 0.6, 0.1)),
            (wing2, 0.75), (circle(x, y, 0.7, -0.18, 0.05), DARK)]


def star(x, y, w):
    return [(polygon(x, y, star_points(5, 0.42)) - 0.04, 1.0), (polygon(x * 2, y * 2, star_points(5, 0.42)) / 2, 1.15)]


def umbrella(x, y, w):
    dome = torch.maximum(circle(x, y, 0, 0.05, 0.95), y - 0.05)
    for cx in (-0.63, 0.0, 0.63):
        dome = torch.maximum(dome, -ellipse(x, y, cx, 0.08, 0.3, 0.16))
    stick = torch.minimum(segment(x, y, 0, -0.1, 0, 0.85, 0.045), segment(x, y, 0, 0.88, 0.2, 0.88, 0.045))
    ribs = torch.maximum(dome, (x.abs() - 0.33 * (1 - (y / 1.0) ** 2).clamp(min=0.05)).abs() - 0.025)
    return [(stick, WOOD), (dome, 1.0), (ribs, 0.7)]


def boat(x, y, w):
    hull = polygon(x, y, [(-0.95, 0.3), (0.95, 0.3), (0.6, 0.75), (-0.65, 0.75)])
    return [(segment(x, y, 0.0, -0.95, 0.0, 0.3, 0.04), WOOD), (polygon(x, y, [(0.08, -0.9), (0.75, 0.18), (0.08, 0.18)]), "light"),
            (polygon(x, y, [(-0.08, -0.75), (-0.6, 0.18), (-0.08, 0.18)]), 1.0), (hull, 1.0), (torch.maximum(hull, y - 0.4), 0.7)]


def flower(x, y, w):
    angle = torch.atan2(y + 0.25, x)
    petals = torch.hypot(x, y + 0.25) - (0.5 + 0.2 * torch.cos(angle * 6))
    leaf = torch.minimum(ellipse(x - 0.3, y - 0.72 - 0.3 * x, 0, 0, 0.3, 0.1), ellipse(x + 0.3, y - 0.82 + 0.3 * x, 0, 0, 0.3, 0.1))
    return [(segment(x, y, 0, 0, 0.05, 1.15, 0.06), (0.15, 0.5, 0.15)), (leaf, (0.15, 0.5, 0.15)), (petals, 1.0),
            (circle(x, y, 0, -0.25, 0.2), (0.95, 0.8, 0.2))]


def butterfly(x, y, w):
    fold = 0.75 + 0.25 * w
    ax = x.abs() / fold
    upper, lower = ellipse(ax, y, 0.52, -0.32, 0.46, 0.48), ellipse(ax, y, 0.42, 0.4, 0.36, 0.38)
    return [(torch.minimum(upper, lower) * 0.8, 1.0), (circle(ax, y, 0.58, -0.36, 0.17) * 0.8, 0.6), (circle(ax, y, 0.45, 0.42, 0.13) * 0.8, 0.6),
            (segment(x, y, 0, -0.5, 0, 0.6, 0.07), DARK)]


def heart(x, y, w):
    ax = x.abs()
    top = circle(ax, y, 0.42, -0.3, 0.46)
    tip = polygon(ax, y, [(-0.1, -0.45), (0.72, -0.02), (0.0, 0.92), (-0.1, 0.9)])
    return [(torch.minimum(top, tip), 1.0), (ellipse(x, y, -0.45, -0.42, 0.14, 0.1), "light")]


def mushroom(x, y, w):
    cap = torch.maximum(ellipse(x, y, 0, 0, 0.95, 0.85), y - 0.1)
    spots = torch.minimum(torch.minimum(circle(x, y, -0.4, -0.3, 0.15), circle(x, y, 0.15, -0.5, 0.17)), circle(x, y, 0.55, -0.2, 0.12))
    return [(box(x, y, 0, 0.45, 0.25, 0.45, 0.12), (0.93, 0.88, 0.78)), (cap, 1.0), (torch.maximum(spots, cap), "light")]


def fox(x, y, w):
    tail = segment(x, y - 0.1 * w, -0.55, 0.3, -1.0, -0.25, 0.2)
    legs = torch.minimum(torch.minimum(segment(x, y, -0.4, 0.4, -0.42, 0.92, 0.1), segment(x, y, 0.3, 0.4, 0.33, 0.92, 0.1)),
                         torch.minimum(segment(x, y, -0.22, 0.4, -0.2, 0.92, 0.09), segment(x, y, 0.12, 0.4, 0.1, 0.92, 0.09)))
    ears = torch.minimum(polygon(x, y, [(0.38, -0.5), (0.46, -0.95), (0.62, -0.55)]), polygon(x, y, [(0.66, -0.55), (0.84, -0.92), (0.86, -0.45)]))
    head = torch.minimum(ellipse(x, y, 0.62, -0.3, 0.32, 0.3), polygon(x, y, [(0.72, -0.42), (1.12, -0.12), (0.7, -0.05)]))
    return [(tail, 1.0), (circle(x, y - 0.1 * w, -1.02, -0.3, 0.14), "light"), (legs, 0.6), (ellipse(x, y, -0.08, 0.25, 0.62, 0.34), 1.0),
            (ears, 0.75), (head, 1.0), (ellipse(x, y, 0.25, 0.38, 0.18, 0.16), "light"), (circle(x, y, 0.7, -0.34, 0.05), DARK),
            (circle(x, y, 1.08, -0.12, 0.06), DARK)]


def car(x, y, w):
    body = torch.minimum(box(x, y, 0, 0.2, 1.0, 0.3, 0.14), polygon(x, y, [(-0.65, -0.05), (-0.42, -0.5), (0.35, -0.5), (0.68, -0.05)]) - 0.03)
    glass = polygon(x, y, [(-0.5, -0.06), (-0.35, -0.4), (0.28, -0.4), (0.5, -0.06)])
    wheels = torch.minimum(circle(x, y, -0.55, 0.5, 0.22), circle(x, y, 0.55, 0.5, 0.22))
    return [(body, 1.0), (glass, (0.65, 0.8, 0.9)), (wheels, DARK), (torch.minimum(circle(x, y, -0.55, 0.5, 0.09), circle(x, y, 0.55, 0.5, 0.09)), (0.7, 0.7, 0.72))]


def lantern(x, y, w):
    return [(segment(x, y, 0, -1.1, 0, -0.7, 0.03), DARK), (box(x, y, 0, 0, 0.6, 0.68, 0.35), 1.0),
            (torch.maximum(box(x, y, 0, 0, 0.6, 0.68, 0.35), (((x * 3.2) % 1.0) - 0.5).abs() / 3.2 - 0.035), 0.72),
            (box(x, y, 0, -0.68, 0.3, 0.07), DARK), (box(x, y, 0, 0.68, 0.3, 0.07), DARK), (segment(x, y, 0, 0.75, 0, 1.1, 0.06), 0.7)]


def cube(x, y, w):
    return [(polygon(x, y, [(0, -0.95), (0.82, -0.5), (0.82, 0.42), (0, 0.9), (-0.82, 0.42), (-0.82, -0.5)]), 1.0),
            (polygon(x, y, [(0, -0.95), (0.82, -0.5), (0, -0.05), (-0.82, -0.5)]), 1.2),
            (polygon(x, y, [(0.82, -0.5), (0, -0.05), (0, 0.9), (0.82, 0.42)]), 0.7)]


KINDS = {f.__name__: f for f in (balloon, ball, kite, fish, bird, star, umbrella, boat, flower, butterfly, heart, mushroom, fox, car, lantern, cube)}


def draw(kind, x, y, wave, rgb):
    """rgb [b, 3]; x, y, wave [b, T, h, w]. Parts paint over each other; the union gives the distance."""
    main = rgb.view(-1, 3, 1, 1, 1)
    color, union = None, None
    for d, tone in KINDS[kind](x, y, wave):
        if tone == "light":
            paint = main * 0.35 + 0.65
        elif isinstance(tone, tuple):
            paint = torch.tensor(tone, device=x.device).view(1, 3, 1, 1, 1).expand_as(main)
        else:
            paint = (main * tone).clamp(0, 1)
        if color is None:
            color, union = paint.expand(-1, -1, *x.shape[1:]).clone(), d
            first = d
            continue
        # Outside the union a part's colour goes on as far as it is the nearest part.
        over = torch.sigmoid(-d / 0.025)
        nearer = torch.sigmoid((union - d) / 0.05) * (union > 0)
        mix = torch.maximum(over, nearer)[:, None]
        color = color * (1 - mix) + paint * mix
        union = torch.minimum(union, d)
    return color, union
