"""Random colour alteration: a photograph in slightly other light shows the same thing.

Krizhevsky, Sutskever and Hinton (2012), section 4.1, which the paper uses as it is (section 3). The
colours of the training pixels (of a sample of the images) form a cloud in RGB space. Its
principal axes, the eigenvectors p_i of the colours' 3x3 covariance, say in which directions natural
light varies; the eigenvalues lambda_i, by how much. One draw per image and use moves all of its
pixels along these axes:

    x := x + [p_1 p_2 p_3] [alpha_1 lambda_1, alpha_2 lambda_2, alpha_3 lambda_3]^T,
                                                           alpha_i ~ N(0, std^2), std = 0.1

A trap: lambda is a variance, so the size of the shift depends on the unit of x. With values in
[0, 255] it would be hundreds of levels. We take colours in [0, 1], where the largest eigenvalue of
natural images is about 0.2 and the shift a few of 255 levels; the result is in levels again.
"""

import numpy as np

LEVELS = 255.0


class ColourAlteration:
    """Draws the shift of one image: `shift = alteration.draw(rng)`.

    covariance   (3, 3) of the training set's RGB values in levels, as in Statistics.covariance
    std          of alpha

    Raises ValueError unless the covariance is a finite 3 x 3 matrix.
    """

    def __init__(self, covariance: np.ndarray | None, std: float = 0.1):
        matrix = np.asarray(covariance, np.float64)
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise ValueError(f"ColourAlteration: covariance is {matrix.tolist()}; expected a finite 3 x 3 matrix")
        variances, self.axes = np.linalg.eigh(matrix / LEVELS**2)
        self.variances, self.std = variances, std

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(3,) float32: what to add to every pixel's red, green and blue, in levels of 255."""
        alpha = rng.normal(0.0, self.std, 3)
        return (LEVELS * (self.axes @ (alpha * self.variances))).astype(np.float32)
