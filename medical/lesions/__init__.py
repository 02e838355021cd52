"""Lesions put into volumes (LeFusion): focused training, control of the texture, exact rest."""
