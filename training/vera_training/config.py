"""The shapes of the models that can be trained: `small` is meant for an accelerator, `compact` for hours on a processor (a VAE of a
third, four blocks instead of six), `tiny` for trying out the scripts."""

TEXT = {
    "architectures": ["UMT5EncoderModel"], "model_type": "umt5", "d_model": 128, "d_kv": 32, "num_heads": 4, "d_ff": 256,
    "num_layers": 2, "feed_forward_proj": "gated-gelu", "is_gated_act": True, "dense_act_fn": "gelu_new",
    "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128, "layer_norm_epsilon": 1e-6,
    "tie_word_embeddings": False, "is_encoder_decoder": True, "pad_token_id": 0, "eos_token_id": 1,
    "decoder_start_token_id": 0, "dropout_rate": 0.0}

SHIFT = 3.0
TEXT_TOKENS = 48  # longest training sentence, end mark included


def vae(**shape):
    return {"_class_name": "AutoencoderKLWan", "z_dim": 16, "attn_scales": [], "temperal_downsample": [False, True, True], "dropout": 0.0, **shape}


def branch(**shape):
    return {"_class_name": "WanTransformer3DModel", "patch_size": [1, 2, 2], "attention_head_dim": 64, "in_channels": 16, "out_channels": 16,
            "text_dim": 128, "freq_dim": 256, "cross_attn_norm": True, "qk_norm": "rms_norm_across_heads", "eps": 1e-6, "image_dim": None,
            "added_kv_proj_dim": None, "rope_max_seq_len": 1024, "pos_embed_seq_len": None, **shape}


PROFILES = {
    "small": {
        "vae": vae(base_dim=16, dim_mult=[1, 2, 3, 3], num_res_blocks=2), "branch": branch(num_attention_heads=3, ffn_dim=512, num_layers=6),
        "native": {"width": 256, "height": 144, "frames": 17, "fps": 16}, "crop": 112},
    "compact": {
        "vae": vae(base_dim=8, dim_mult=[1, 2, 4, 4], num_res_blocks=1), "branch": branch(num_attention_heads=3, ffn_dim=512, num_layers=4),
        "native": {"width": 256, "height": 144, "frames": 17, "fps": 16}, "crop": 64},
    "tiny": {
        "vae": vae(base_dim=8, dim_mult=[1, 2, 4, 4], num_res_blocks=1), "branch": branch(num_attention_heads=2, ffn_dim=384, num_layers=4),
        "native": {"width": 128, "height": 80, "frames": 9, "fps": 16}, "crop": 64}}


def network(profile, vocab):
    """Configurations of the branches and of the text encoder."""
    shape = PROFILES[profile]["branch"]
    return dict(shape, dim=shape["num_attention_heads"] * shape["attention_head_dim"]), dict(TEXT, vocab_size=vocab)


def world_size(profile):
    """Arguments of World: frames, height, width."""
    native = PROFILES[profile]["native"]
    return native["frames"], native["height"], native["width"]
