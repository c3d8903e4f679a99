// One plate pixel from the planes as decoded: the arithmetic of vera_frame_to_rgb(). SAMPLER is usampler2D or sampler2D.
uniform SAMPLER plane_0;
uniform SAMPLER plane_1;
uniform SAMPLER plane_2;
uniform int layout_kind; // 0 YUV, 1 RGB, 2 grey
uniform ivec2 shift;
uniform ivec2 site;
uniform vec2 luma; // offset, divisor
uniform vec2 chroma;
uniform vec4 matrix; // red_cr, green_cb, green_cr, blue_cb
out vec4 color;

float fetch(SAMPLER plane, ivec2 at)
{
    return float(texelFetch(plane, clamp(at, ivec2(0), textureSize(plane, 0) - 1), 0).r);
}

// Chroma sample j lies at 2 * (j << shift) + site, in half luma samples.
float fetch_chroma(SAMPLER plane, ivec2 at)
{
    ivec2 distance = 2 * at - site;
    ivec2 first = distance >> (shift + 1);
    vec2 weight = vec2(distance - (first << (shift + 1))) / vec2(ivec2(2) << shift);
    float top = mix(fetch(plane, first), fetch(plane, first + ivec2(1, 0)), weight.x);
    float bottom = mix(fetch(plane, first + ivec2(0, 1)), fetch(plane, first + ivec2(1, 1)), weight.x);
    return (mix(top, bottom, weight.y) - chroma.x) / chroma.y;
}

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy);
    float y = (fetch(plane_0, at) - luma.x) / luma.y;
    if (layout_kind == 2) {
        color = vec4(vec3(y), 1.0);
    } else if (layout_kind == 1) {
        color = vec4(y, (fetch(plane_1, at) - luma.x) / luma.y, (fetch(plane_2, at) - luma.x) / luma.y, 1.0);
    } else {
        float cb = fetch_chroma(plane_1, at);
        float cr = fetch_chroma(plane_2, at);
        color = vec4(y + matrix.x * cr, y + (matrix.y * cb + matrix.z * cr), y + matrix.w * cb, 1.0);
    }
}
