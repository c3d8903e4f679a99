out vec2 position; // 0..1 over the target, y down

void main()
{
    vec2 corner = vec2(float((gl_VertexID & 1) << 2), float((gl_VertexID & 2) << 1));
    position = corner * 0.5;
    gl_Position = vec4(corner - 1.0, 0.0, 1.0);
}
