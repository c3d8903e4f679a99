// The composed plate on the screen: view, wipe, channel, overlay, grid.
uniform sampler2D source;
uniform sampler2D composite_a;
uniform sampler2D layer_a;
uniform sampler2D model_a;
uniform sampler2D composite_b; // the same of side B
uniform sampler2D layer_b;
uniform sampler2D model_b;
uniform vec2 target; // device pixels
uniform vec2 plate; // plate pixels
uniform vec2 origin; // device position of the plate
uniform float scale;
uniform int view;
uniform int other;
uniform int side; // of view: 0 A, 1 B
uniform int other_side;
uniform int has_alternate; // whether there is a side B
uniform float wipe;
uniform float split; // device pixels of one side of two, or 0
uniform int channel;
uniform int has_overlay;
uniform int has_grid;
uniform vec3 background;
uniform int is_linear; // the plate is stored in linear light, and displayed by sRGB
in vec2 position;
out vec4 color;

vec3 heat(float x)
{
    x = clamp(x * 4.0, 0.0, 1.0);
    return clamp(vec3(3.0 * x, 3.0 * x - 1.0, 3.0 * x - 2.0), 0.0, 1.0);
}

float code(float l)
{
    return l <= 0.0031308 ? l * 12.92 : 1.055 * pow(l, 1.0 / 2.4) - 0.055;
}

vec3 show(vec3 c)
{
    return is_linear != 0 ? vec3(code(c.r), code(c.g), code(c.b)) : c;
}

vec4 pick_layer(int from, vec2 at)
{
    return from == 0 ? texture(layer_a, at) : texture(layer_b, at);
}

vec3 pick(int which, int from, vec2 at, vec2 device)
{
    if (which == 0)
        return show(from == 0 ? texture(composite_a, at).rgb : texture(composite_b, at).rgb);
    if (which == 1)
        return show(texture(source, at).rgb);
    vec4 top = pick_layer(from, at);
    if (which == 2) {
        float square = mod(floor(device.x / 12.0) + floor(device.y / 12.0), 2.0);
        return show(top.rgb) * top.a + vec3(0.32 + 0.12 * square) * (1.0 - top.a);
    }
    if (which == 3)
        return show(top.rgb);
    if (which == 4)
        return vec3(top.a);
    if (which == 5)
        return show(from == 0 ? texture(model_a, at).rgb : texture(model_b, at).rgb);
    vec3 against = has_alternate != 0 ? texture(composite_b, at).rgb : texture(source, at).rgb;
    vec3 difference = abs(show(texture(composite_a, at).rgb) - show(against));
    return heat(max(difference.r, max(difference.g, difference.b)));
}

void main()
{
    vec2 device = vec2(position.x, 1.0 - position.y) * target;
    bool is_right = split > 0.0 && device.x >= split;
    if (split > 0.0 && abs(device.x - split) < 1.0) {
        color = vec4(vec3(0.45), 1.0);
        return;
    }
    if (is_right)
        device.x -= split;
    vec2 pixel = (device - origin) / scale;
    vec2 at = pixel / plate;
    if (at.x < 0.0 || at.y < 0.0 || at.x >= 1.0 || at.y >= 1.0) {
        color = vec4(background, 1.0);
        return;
    }
    bool is_other = split > 0.0 ? !is_right : at.x < wipe;
    int from = is_other ? other_side : side;
    vec3 value = pick(is_other ? other : view, from, at, device);
    float alpha = pick_layer(from, at).a;
    if (channel > 0)
        value = vec3(channel == 4 ? alpha : value[channel - 1]);
    if (has_overlay != 0)
        value = mix(value, vec3(1.0, 0.2, 0.25), 0.55 * alpha);
    if (has_grid != 0 && scale >= 10.0) {
        vec2 edge = fract(pixel) * scale;
        if (edge.x < 1.0 || edge.y < 1.0)
            value = mix(value, vec3(0.5), 0.35);
    }
    color = vec4(value, 1.0);
}
