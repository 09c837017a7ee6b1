"""What the business tells the warehouse: targets, campaigns, budgets, experiments, as CSV files."""

from siyu.inputs.check import FOLDER, Problem, check_inputs, require_inputs
from siyu.inputs.files import INPUTS

__all__ = ["FOLDER", "INPUTS", "Problem", "check_inputs", "require_inputs"]
