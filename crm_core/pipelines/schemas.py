"""The record types of pipelines."""

from __future__ import annotations

from crm_core.pipelines.service import PipelineRules, StageRules
from crm_core.records.entity import Entity
from crm_core.schema import pipeline, stage

PIPELINE = Entity("pipeline", "pipelines", pipeline, rules=PipelineRules())
STAGE = Entity("stage", "stages", stage, rules=StageRules())
