"""Lab 2's right answers in other styles."""

import numpy as np

from minidelve.ops.softmax import log_probabilities

# -- softmax -----------------------------------------------------------------------------------------


def softmax_of_logs(self, z, *, axis):
    self.axis = axis
    s = np.exp(log_probabilities(z, axis))
    self.save(s)
    return s


def softmax_in_place(self, z, *, axis):
    s = z - np.max(z, axis=axis, keepdims=True)
    np.exp(s, out=s)
    s /= np.sum(s, axis=axis, keepdims=True)
    self.axis = axis
    self.save(s)
    return s


def softmax_row_by_row(self, z, *, axis):
    rows = np.moveaxis(z, axis, -1)
    s = np.empty_like(rows)
    for at in np.ndindex(rows.shape[:-1]):
        e = np.exp(rows[at] - rows[at].max())
        s[at] = e / e.sum()
    self.axis, s = axis, np.moveaxis(s, -1, axis)
    self.save(s)
    return s


def softmax_back_by_einsum(self, df):
    (s,) = self.saved
    s_last, df_last = np.moveaxis(s, self.axis, -1), np.moveaxis(df, self.axis, -1)
    weighted = np.einsum("...i,...i->...", s_last, df_last)
    return np.moveaxis(s_last * (df_last - weighted[..., None]), -1, self.axis)


def softmax_back_by_jacobian(self, df):
    (s,) = self.saved
    s_last, df_last = np.moveaxis(s, self.axis, -1), np.moveaxis(df, self.axis, -1)
    diagonal = s_last[..., None] * np.eye(s_last.shape[-1], dtype=s.dtype)
    jacobian = diagonal - s_last[..., :, None] * s_last[..., None, :]
    return np.moveaxis((jacobian @ df_last[..., None])[..., 0], -1, self.axis)


def softmax_back_in_two_steps(self, df):
    (s,) = self.saved
    dz = s * df
    return dz - s * dz.sum(axis=self.axis, keepdims=True)


# -- its logarithm -----------------------------------------------------------------------------------


def logs_by_logaddexp(z, axis):
    return z - np.logaddexp.reduce(z, axis=axis, keepdims=True)


def logs_with_the_maximum_put_back(z, axis):
    top = z.max(axis=axis, keepdims=True)
    return z - (top + np.log(np.exp(z - top).sum(axis=axis, keepdims=True)))


def logs_by_expand_dims(z, axis):
    shifted = z - np.expand_dims(np.max(z, axis=axis), axis)
    return shifted - np.expand_dims(np.log(np.sum(np.exp(shifted), axis=axis)), axis)


def log_softmax_back_by_jacobian(self, df):
    (f,) = self.saved
    s, df_last = np.moveaxis(np.exp(f), self.axis, -1), np.moveaxis(df, self.axis, -1)
    jacobian = np.eye(s.shape[-1], dtype=f.dtype) - s[..., None, :]
    return np.moveaxis((df_last[..., None, :] @ jacobian)[..., 0, :], -1, self.axis)


def log_softmax_back_by_subtraction(self, df):
    (f,) = self.saved
    dz = np.array(df)
    dz -= np.exp(f) * np.sum(df, self.axis, keepdims=True)
    return dz


def log_softmax_back_by_expand_dims(self, df):
    (f,) = self.saved
    return df - np.exp(f) * np.expand_dims(df.sum(axis=self.axis), self.axis)


# -- cross entropy -----------------------------------------------------------------------------------


def loss_of_one_hot(self, z, *, targets):
    self.rows, self.targets = np.arange(len(z)), targets
    f = log_probabilities(z, axis=1)
    self.save(f)
    one_hot = np.eye(z.shape[1], dtype=z.dtype)[targets]
    return -np.where(one_hot == 1, f, 0).sum() / z.dtype.type(len(z))


def loss_row_by_row(self, z, *, targets):
    self.rows, self.targets = np.arange(len(z)), targets
    f = log_probabilities(z, 1)
    self.save(f)
    return z.dtype.type(-sum(f[n, t] for n, t in enumerate(targets)) / len(targets))


def loss_that_saves_z(self, z, *, targets):
    """Saves the scores, and the labels with them; its backward is gradient_of_z."""
    self.save(z, targets)
    top = z.max(axis=1)
    return (np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(z)), targets]).mean()


def loss_by_take(self, z, *, targets):
    self.rows, self.targets = np.arange(len(z)), targets
    f = log_probabilities(z, axis=1)
    self.save(f)
    return -np.mean(np.take_along_axis(f, targets[:, None], axis=1))


def gradient_of_z(self, df):
    z, targets = self.saved
    e = np.exp(z - z.max(axis=1, keepdims=True))
    s = e / e.sum(axis=1, keepdims=True)
    return df * (s - np.eye(z.shape[1], dtype=z.dtype)[targets]) / z.shape[0]


def gradient_by_the_chain(self, df):
    """df goes to the entries of log softmax that were picked, and from there back through log softmax."""
    (f,) = self.saved
    df_of_f = np.zeros_like(f)
    df_of_f[self.rows, self.targets] = -df / len(f)
    return df_of_f - np.exp(f) * df_of_f.sum(axis=1, keepdims=True)


def gradient_by_subtract_at(self, df):
    (f,) = self.saved
    dz = np.exp(f)
    np.subtract.at(dz, (self.rows, self.targets), 1)
    dz *= df
    dz /= len(dz)
    return dz


def gradient_row_by_row(self, df):
    (f,) = self.saved
    dz = np.exp(f) / len(f)
    for n, t in enumerate(self.targets):
        dz[n, t] -= 1 / len(f)
    return dz * df


# -- the linear layer --------------------------------------------------------------------------------


def layer_in_three_lines(self, df):
    x, W = self.saved
    return df @ W, df.T @ x, df.sum(axis=0)


def layer_by_einsum(self, df):
    x, W = self.saved
    return np.einsum("no,oi->ni", df, W), np.einsum("no,ni->oi", df, x), np.einsum("no->o", df)


def layer_image_by_image(self, df):
    x, W = self.saved
    dW, db = np.zeros_like(W), np.zeros_like(W[:, 0])
    for n in range(len(x)):
        dW += np.outer(df[n], x[n])
        db += df[n]
    return np.dot(df, W), dW, db


def layer_with_a_column_of_ones(self, df):
    x, W = self.saved
    with_ones = np.concatenate([x, np.ones_like(x[:, :1])], axis=1)
    both = df.T @ with_ones
    return (W.T @ df.T).T, both[:, :-1], both[:, -1]


SOFTMAX, CROSS_ENTROPY = "minidelve/ops/softmax.py", "minidelve/ops/cross_entropy.py"


def styles(blank, *bodies):
    return [{blank: body} for body in bodies]


THAT_SAVES_Z = {
    f"{CROSS_ENTROPY}:CrossEntropy.forward": loss_that_saves_z,
    f"{CROSS_ENTROPY}:CrossEntropy.backward": gradient_of_z,
}
STYLES = {
    "Softmax.forward": styles(f"{SOFTMAX}:Softmax.forward", softmax_of_logs, softmax_in_place, softmax_row_by_row),
    "Softmax.backward": styles(
        f"{SOFTMAX}:Softmax.backward", softmax_back_by_einsum, softmax_back_by_jacobian, softmax_back_in_two_steps
    ),
    "log_probabilities": styles(
        f"{SOFTMAX}:log_probabilities", logs_by_logaddexp, logs_with_the_maximum_put_back, logs_by_expand_dims
    ),
    "LogSoftmax.backward": styles(
        f"{SOFTMAX}:LogSoftmax.backward", log_softmax_back_by_jacobian, log_softmax_back_by_subtraction,
        log_softmax_back_by_expand_dims,
    ),
    "CrossEntropy.forward": [
        *styles(f"{CROSS_ENTROPY}:CrossEntropy.forward", loss_of_one_hot, loss_row_by_row, loss_by_take),
        THAT_SAVES_Z,
    ],
    "CrossEntropy.backward": [
        *styles(f"{CROSS_ENTROPY}:CrossEntropy.backward", gradient_by_the_chain, gradient_by_subtract_at,
                gradient_row_by_row),
        THAT_SAVES_Z,
    ],
    "Linear.backward": styles(
        "minidelve/ops/linear.py:Linear.backward", layer_in_three_lines, layer_by_einsum, layer_image_by_image,
        layer_with_a_column_of_ones,
    ),
}  # fmt: skip
