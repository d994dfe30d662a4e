// The numbers of a run over its steps, read from its events, for tables, CSV and pictures.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/job_folder.h"

namespace retort::run {

struct Point {
  double step = 0, seconds = 0, value = 0;       ///< value may be nan or infinite
};

/// Series by name: "loss", "ce", "kd", "lr", "grad_norm", "tokens_per_s" from metric events; "val.nll", "val.token_accuracy" from
/// eval events. Every numeric member becomes a series.
using MetricSeries = std::map<std::string, std::vector<Point>>;

Result<MetricSeries> readMetrics(const std::filesystem::path& folder);
/// Adds one event's numbers; false when it holds none.
bool addEvent(MetricSeries& series, const job::Event& event);
/// Long-format CSV: series,step,seconds,value.
[[nodiscard]] std::string metricsToCsv(const MetricSeries& series);
/// A self-contained SVG of loss and validation NLL over steps.
[[nodiscard]] std::string metricsToSvg(const MetricSeries& series, std::string_view title);

}  // namespace retort::run
