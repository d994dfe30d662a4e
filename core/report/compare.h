// What a report says about its models against each other: differences, agreement, verdicts, alarms.
#pragma once
#include <vector>

#include "data/plan.h"
#include "report/report.h"

namespace retort::report {

/// Fills agreement, differences, verdicts, the recovered gap and the alarms of `report` from its models and the rows' right and wrong.
/// `clusters` numbers the rows' groups.
void compareModels(Report& report, const data::EvalPlan& plan, const std::vector<RowAnswer>& rows, const std::vector<int>& clusters);

}  // namespace retort::report
