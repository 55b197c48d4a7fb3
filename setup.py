"""The course, which lies beside the package in a checkout, goes into it in a wheel. All else is in setup.cfg."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

COURSE = Path("labs")
KINDS = {".py", ".md", ".toml"}


class WithCourse(build_py):
    """Builds minidelve/labs/course from labs/, but for `pip install -e`, which uses labs/ itself."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for path in self.course():
                place = Path(self.build_lib, "minidelve", "labs", "course", path.relative_to(COURSE))
                self.mkpath(str(place.parent))
                self.copy_file(str(path), str(place))

    def get_source_files(self):
        return [*super().get_source_files(), *map(str, self.course())]

    def course(self):
        return sorted(path for path in COURSE.rglob("*") if path.suffix in KINDS)


setup(cmdclass={"build_py": WithCourse})
