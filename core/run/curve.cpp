// Learning curves.
#include "run/curve.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "job/job_folder.h"
#include "run/run_list.h"
#include "run/start.h"

namespace retort::run {

Result<std::vector<double>> parseShares(const std::string& text) {
  std::vector<double> shares;
  for (const auto part : splitView(text, ',')) {
    const std::string_view word = trimmed(part);
    double value = 0;
    const auto [at, ec] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (ec != std::errc() || at != word.data() + word.size() || value <= 0 || value > 100 || (!shares.empty() && value <= shares.back()))
      return Error{"run.curve.shares", "\"" + shown(text) + "\" names no shares", "--curve", "rising percentages above 0 and up to 100 are needed", "Write them like 25,50,100.", {}, {}};
    shares.push_back(value);
  }
  return shares;
}

Result<std::vector<std::string>> startCurve(const Workspace& workspace, const job::RunSpec& spec, const std::vector<double>& shares, bool force) {
  std::vector<std::string> ids;
  for (const double share : shares) {
    job::RunSpec one = spec;
    one.data.subset = share / 100;
    one.name = (spec.name.empty() ? "curve" : spec.name) + " " + formatNumber(share, share == std::floor(share) ? 0 : 1) + " %";
    RETORT_TRY(const std::string id, startRun(workspace, one, true, force));
    ids.push_back(id);
    RETORT_CHECK(writeJsonFile(workspace.runs() / id / "curve.json", {{"schema", "retort.curve/1"}, {"curve", ids.front()}, {"share", share}}));
  }
  return ids;
}

void estimateGain(Curve& curve) {
  std::vector<const CurvePoint*> ready;
  for (const auto& p : curve.points)
    if (p.done && p.rows > 0) ready.push_back(&p);
  curve.hasGain = ready.size() >= 2 && ready.back()->rows > ready[ready.size() - 2]->rows;
  if (!curve.hasGain) return;
  const CurvePoint &a = *ready[ready.size() - 2], &b = *ready.back();
  const double doublings = std::log2(static_cast<double>(b.rows) / static_cast<double>(a.rows));
  curve.gain = (a.nll - b.nll) / doublings;
  const double half = std::hypot((a.high - a.low) / 2, (b.high - b.low) / 2) / doublings;
  curve.gainLow = curve.gain - half;
  curve.gainHigh = curve.gain + half;
}

Result<Curve> readCurve(const Workspace& workspace, const std::string& run) {
  RETORT_TRY(const fs::path folder, findRun(workspace, run));
  const auto mark = readJsonFile(folder / "curve.json");
  if (!mark.ok())
    return Error{"run.curve.none", "Run " + folder.filename().string() + " belongs to no learning curve", (folder / "curve.json").string(), {}, "Start one with: retort-cli run start SPEC --curve 25,50,100", {}, {}};
  const std::string name = mark->value("curve", std::string());
  Curve curve;
  for (const auto& id : listProducts(workspace.runs())) {
    const fs::path one = workspace.runs() / id;
    const auto own = readJsonFile(one / "curve.json");
    if (!own.ok() || own->value("curve", std::string()) != name) continue;
    CurvePoint p;
    p.run = id;
    p.share = numberOf(own->value("share", Json(0)), 0);
    const auto state = job::observedState(one);
    p.done = state.ok() && state->phase == job::Phase::done;
    if (p.done) {
      const Json& extra = state->extra;
      p.rows = extra.value("rows", std::int64_t{0});
      p.nll = numberOf(extra.value("nll", Json()), std::nan(""));
      const double error = numberOf(extra.value("nll_error", Json(0)), 0);
      p.low = p.nll - 1.96 * error;
      p.high = p.nll + 1.96 * error;
    }
    curve.points.push_back(std::move(p));
  }
  std::sort(curve.points.begin(), curve.points.end(), [](const auto& a, const auto& b) { return a.share < b.share; });
  estimateGain(curve);
  return curve;
}

Json toJson(const Curve& c) {
  Json points = Json::array();
  for (const auto& p : c.points)
    points.push_back({{"run", p.run}, {"share", p.share}, {"rows", p.rows}, {"done", p.done}, {"nll", p.done ? jsonNumber(p.nll) : Json(nullptr)},
                      {"low", p.done ? jsonNumber(p.low) : Json(nullptr)}, {"high", p.done ? jsonNumber(p.high) : Json(nullptr)}});
  return {{"points", points}, {"gain_of_doubling", c.hasGain ? Json{{"nll", jsonNumber(c.gain)}, {"low", jsonNumber(c.gainLow)}, {"high", jsonNumber(c.gainHigh)}} : Json(nullptr)}};
}

}  // namespace retort::run
