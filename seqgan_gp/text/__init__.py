"""Text: from sentences to token ids and back. The rest of this modality stands where `MODALITY` says."""

from ..modality import Method, Modality

MODALITY = Modality(
    config="seqgan_gp.config.text:TextConfig",
    task="seqgan_gp.training.text:TextTask",
    sample="seqgan_gp.sampling:sample_text",
    card="seqgan_gp.sharing.text:describe",
    public=(
        "seqgan_gp.pretrained:Generator",
        "seqgan_gp.pretrained:Critic",
        "seqgan_gp.pretrained:Discriminator",
        "seqgan_gp.pretrained:LanguageModel",
    ),
    methods={
        "adversarial": Method(
            "seqgan_gp.training.trainer:Trainer",
            {
                "generator": "seqgan_gp.networks:build_generator",
                "reviser": "seqgan_gp.networks:build_reviser",
                "critic": "seqgan_gp.networks:build_critic",
                "discriminator": "seqgan_gp.networks:build_critic",
            },
        ),
        "likelihood": Method(
            "seqgan_gp.training.likelihood:LikelihoodTrainer",
            {"generator": "seqgan_gp.networks:build_language_model"},
        ),
    },
)
