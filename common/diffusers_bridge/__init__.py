"""diffusers, both ways: our processes and solvers in their pipelines, their pipelines as denoisers.

`scheduler.UndriftScheduler` takes the place of any scheduler; `pipeline.load_pipeline_denoiser`
reads a pipeline folder. diffusers takes seconds to import, so nothing is imported here.
"""
