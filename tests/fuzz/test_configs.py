"""A TOML file for --config."""

from minidelve.commands.config_file import read_config, show_config
from minidelve.training.config import Config, resolve
from tests.fuzz.frame import Reader


def test_a_config(fuzz, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        show_config(Config(milestones=[3, 4], levels=[3, 2, 1], jitter=[64, 80], fc=7), {}), encoding="utf-8"
    )
    fuzz(Reader("config", [file], lambda: resolve(read_config(file))))
