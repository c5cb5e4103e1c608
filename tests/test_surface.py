from importlib import import_module

import pytest

import peerleap.evals
from tests.imports import loaded

FACES = {
    "peerleap": "__version__ lazy_face",
    "peerleap.graph": (
        "AllPathsFailed ChatLeaP CheckpointError Checkpointer CompiledLeapGraph Event InputError LeapGraph "
        "LeapInput LeapOutput RouterName Run SchemaError Segment Settings SettingsError TaskName ThreadBusy Vote "
        "as_settings build_graph compare derive_random derive_seed fork history_key leap_tool model_defaults "
        "open_checkpointer open_store read_run resolve_settings"
    ),
    "peerleap.agents": (
        "ENGINE_ARGS MOST MOST_PATHS TEAMS TOOLS EngineFileError Peer Sampling TeamError ThinkingChoice "
        "ToolFileError check_engine_args experts form_schema load_team make_tool paper path_peers prompts read_team "
        "rebuild_team"
    ),
    "peerleap.engine": (
        "EMBEDDED MAX_LOGPROBS MINIATURE MINIATURE_FAMILIES SETTINGS_FILE THOUGHT_ENDS Completion Engine "
        "EngineArgumentError EngineDead EngineError EngineMissing EngineStartError EngineWrapper Model ModelError "
        "OnProgress OnText RequestRefused SamplingParams ScriptedEngine ServerEngine StartProgress "
        "StructuredOutputsParams Thinking TokenizerError TurnEnd VLLMEngine begin_start cache_folder close_engines "
        "control_ids control_texts decode default_model default_servers detect_thinking each_once encode family_of "
        "finish_sessions get_engine is_prepared last_start model_folder model_settings parse_servers parse_thinking "
        "recommended_sampling render_prompt requests_at_once resolve_model turn_end turn_markers vllm_device "
        "vocabulary_hash watch_starts"
    ),
    "peerleap.tools": (
        "LEAP_TAGS PROTOCOLS START_NUDGE BadCall BoundedThreads FenceProtocol HarmonyProtocol HermesProtocol "
        "PathCall RunScope RunTool StopReason ToolLimits ToolOutcome ToolProtocol ToolRequest ToolRunner ToolUse "
        "break_control call_config can_call has_marker neutralise one_line python read_page scope_config shorten "
        "to_its_end unavailable web_search"
    ),
    "peerleap.training": (
        "READ RECIPES TRAINED Estimate Lora Machine Recipe Row RowsError RowsHeader Rules Selection SftOptions "
        "SftPlan SftResult Span Stopped Trial check_memory dataset estimate fine_tune load_tokenizer make_row "
        "need_packages opens_by_itself outlook read_rows select sft_plan show_row this_machine trace_plan try_model "
        "write_rows"
    ),
    "peerleap.serving": "Admission Graphs Keys Limits RequestError bind create_app engines_of is_local paths_of serve",
    "peerleap.viewer": (
        "VERSION Change ClosedBlock HeldAnswers emit_lanes html_page lane_events questions_document recorded_run "
        "replay run_document run_rows"
    ),
    "peerleap.cli": "app",
    "peerleap.evals": (
        "AXES METHODS OPTIONS TASKS Axis Cell Comparison DataError Grader GraderBroken Header MethodConfig "
        "MissingExtra PathRecord PathResult Plan Problem Progress Questions Records RecordsError Results Team "
        "Verdict check_blocks check_fits compare forecast header load markdown parse_axis read_records remember "
        "report run_eval stats sweep_cells"
    ),
    "peerleap.evals.data": "TASKS DataError Problem check_golds guess_kind load",
    "peerleap.evals.stats": (
        "AHA_WORDS METRICS Agreement Design Difference Estimate Graded McNemar Tokens agreement aha_count ballot "
        "cluster_bootstrap clustered cohen_kappa confidence_vote majority mcnemar paired_difference pass_at_k "
        "question_means question_metrics questions_needed questions_needed_for_votes shortest_majority sign_flip "
        "wilson"
    ),
    "peerleap.evals.methods": (
        "BUDGETED GROWING METHODS OPTIONS PATHS TEAMED Chains Method MethodConfig PathResult Study Team "
        "aggregate_question chains check_method method_options one_block paths_at_once revise_question task_of "
        "team_graph voting_paths"
    ),
    "peerleap.evals.records": ("Header PathRecord Records RecordsError encode graded_text path_record read_records"),
    "peerleap.evals.report": (
        "COSTS LEVELS LEVEL_HEAD METHOD_HEAD RECORD_METRICS SWEEP_HEAD TESTS Comparison LevelRow PaperNumber Point "
        "Results Slope cautions check_plot check_same compare comparison_rows elected_right few_runs level_cells "
        "level_rows level_sentence levels_markdown markdown measured_power method_rows paper_differences "
        "paper_number plot plot_routers plot_shares plot_sweep short_budgets shown_columns slope_sentence slopes "
        "sweep_markdown sweep_points sweep_rows table verdict with_distinct_names write_figure"
    ),
}


@pytest.mark.parametrize("face", FACES)
def test_the_public_names_are_these(face: str) -> None:
    module = import_module(face)
    assert list(module.__all__) == FACES[face].split()
    assert all(hasattr(module, name) for name in module.__all__)
    assert module.__doc__


def test_importing_loads_no_optional_package() -> None:
    optional = {
        "math_verify", "sympy", "datasets", "reasoning_gym", "torch", "inspect_ai", "transformers", "huggingface_hub",
        "scipy", "pyarrow", "pandas",
    }  # fmt: skip
    assert not optional & loaded("peerleap.evals")


def test_the_module_of_each_name_is_found_from_the_face() -> None:
    assert peerleap.evals.report.Results is peerleap.evals.Results
