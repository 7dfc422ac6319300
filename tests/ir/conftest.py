from tests.ir.sample_ops import sample_ops

__all__ = ["sample_ops"]
