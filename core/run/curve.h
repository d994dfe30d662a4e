// A learning curve: the same run on nested shares of its rows, and what twice the rows would bring.
#pragma once
#include <string>
#include <vector>

#include "base/workspace.h"
#include "job/run_spec.h"

namespace retort::run {

/// Shares of "25,50,100" in percent, rising, each above 0 and at most 100. Error "run.curve.shares".
Result<std::vector<double>> parseShares(const std::string& text);
/// Queues one run a share (data.subset; each share's rows contain those of the smaller ones). Returns the ids, the first of which names the curve.
Result<std::vector<std::string>> startCurve(const Workspace& workspace, const job::RunSpec& spec, const std::vector<double>& shares, bool force = false);

struct CurvePoint {
  std::string run;
  double share = 0;                          ///< percent of the rows
  std::int64_t rows = 0;                     ///< trained on; 0: not known yet
  bool done = false;
  double nll = 0, low = 0, high = 0;         ///< of the saved student on the validation rows, with its 95 % interval
};
struct Curve {
  std::vector<CurvePoint> points;            ///< by rising share
  /// How much the NLL is expected to fall when the rows are doubled: by the line through the last two points over log2(rows), with
  /// the interval that the points' own intervals give. Empty (hasGain false) with fewer than two points.
  bool hasGain = false;
  double gain = 0, gainLow = 0, gainHigh = 0;
};
/// The curve that `run` (any of its runs) belongs to. Error "run.curve.none".
Result<Curve> readCurve(const Workspace& workspace, const std::string& run);
[[nodiscard]] Json toJson(const Curve& curve);
/// The gain of doubling from finished points (exposed for tests).
void estimateGain(Curve& curve);

}  // namespace retort::run
