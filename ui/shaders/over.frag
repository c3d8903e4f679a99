// One layer over what is below it: the arithmetic of vera_composite_over().
uniform sampler2D below;
uniform sampler2D layer; // straight colour, matte in alpha
uniform float opacity;
// Of the source, whose colours are mixed in linear light: 0 sRGB, 1 BT.709, 2 PQ, 3 HLG, 4 linear; -1 mixes values as they are, and -2
// values in linear light as they are displayed, coded by sRGB.
uniform int transfer;
out vec4 color;

const float BT709_ALPHA = 1.09929682680944;
const float BT709_BETA = 0.018053968510807;

float code(float l)
{
    return l <= 0.0031308 ? l * 12.92 : 1.055 * pow(l, 1.0 / 2.4) - 0.055;
}

float decode(float v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

// A stored value as it is mixed.
float to_mixed(float value)
{
    float v = abs(value);
    float l = v;
    if (transfer == -2) {
        l = code(v);
    } else if (transfer == 0) {
        l = decode(v);
    } else if (transfer == 1) {
        l = v < 4.5 * BT709_BETA ? v / 4.5 : pow((v + BT709_ALPHA - 1.0) / BT709_ALPHA, 1.0 / 0.45);
    } else if (transfer == 2) {
        float p = pow(min(v, 1.0), 1.0 / (2523.0 / 4096.0 * 128.0));
        float rest = max(p - 3424.0 / 4096.0, 0.0) / (2413.0 / 128.0 - 2392.0 / 128.0 * p);
        l = pow(rest, 16384.0 / 2610.0) * 100.0;
    } else if (transfer == 3) {
        l = v <= 0.5 ? v * v / 3.0 : (exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12.0;
    }
    return sign(value) * l;
}

float from_mixed(float value)
{
    float l = abs(value);
    float v = l;
    if (transfer == -2) {
        v = decode(l);
    } else if (transfer == 0) {
        v = code(l);
    } else if (transfer == 1) {
        v = l < BT709_BETA ? l * 4.5 : BT709_ALPHA * pow(l, 0.45) - (BT709_ALPHA - 1.0);
    } else if (transfer == 2) {
        float p = pow(l / 100.0, 2610.0 / 16384.0);
        v = pow((3424.0 / 4096.0 + 2413.0 / 128.0 * p) / (1.0 + 2392.0 / 128.0 * p), 2523.0 / 4096.0 * 128.0);
    } else if (transfer == 3) {
        v = l <= 1.0 / 12.0 ? sqrt(3.0 * l) : 0.17883277 * log(12.0 * l - 0.28466892) + 0.55991073;
    }
    return sign(value) * v;
}

vec3 map_to_mixed(vec3 c)
{
    return vec3(to_mixed(c.r), to_mixed(c.g), to_mixed(c.b));
}

vec3 map_from_mixed(vec3 c)
{
    return vec3(from_mixed(c.r), from_mixed(c.g), from_mixed(c.b));
}

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec4 source = texelFetch(below, at, 0);
    vec4 top = texelFetch(layer, at, 0);
    float alpha = clamp(top.a * opacity, 0.0, 1.0);
    if (!(alpha > 0.0))
        color = source;
    else if (alpha == 1.0)
        color = vec4(top.rgb, 1.0);
    else if (transfer == -1)
        color = vec4(top.rgb * alpha + source.rgb * (1.0 - alpha), 1.0);
    else
        color = vec4(map_from_mixed(map_to_mixed(top.rgb) * alpha + map_to_mixed(source.rgb) * (1.0 - alpha)), 1.0);
}
