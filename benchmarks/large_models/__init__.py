"""What our directing does to a large model, measured on the machine of whoever has its weights in ComfyUI.

docs/measure_large_models.md says what to prepare and what each figure means.
"""
