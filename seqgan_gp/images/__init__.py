"""Small grey images: the whole modality."""

from ..modality import Method, Modality

MODALITY = Modality(
    config="seqgan_gp.images.config:ImageConfig",
    task="seqgan_gp.images.task:ImageTask",
    sample="seqgan_gp.images.sampling:sample_images",
    card="seqgan_gp.images.card:describe",
    public=("seqgan_gp.images.pretrained:ImageGenerator", "seqgan_gp.images.pretrained:ImageCritic"),
    methods={
        "adversarial": Method(
            "seqgan_gp.training.trainer:Trainer",
            {
                "generator": "seqgan_gp.images.pretrained:build_generator",
                "critic": "seqgan_gp.images.pretrained:build_critic",
            },
        )
    },
)
