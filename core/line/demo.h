// The demo: the whole line on sample logs, with a real model or the built-in tiny one, as one resumable job.
#pragma once
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/workspace.h"
#include "line/preset.h"

namespace retort::line {

/// Logs of one's own in place of the sample world's: labelled messages go through the same line.
struct DemoSources {
  std::vector<std::string> logs;           ///< files and folders; empty: the sample world is generated
  std::string golden, references;          ///< as `dataset build` takes them
  std::string split;                       ///< empty: the preset's
};

/// Generates and imports sample logs (or takes `sources`), builds a dataset, tunes a teacher on its golden examples, lets it answer the other prompts,
/// distils a student of half its layers from answers and logits, trains the same student on answers only and on golden labels only for
/// comparison, evaluates all on held-out rows, exports and verifies. Returns the summary (see summary.h). `folder` keeps what is
/// done (progress.json): a second call goes on there.
Result<Json> runDemo(const Workspace& workspace, const std::filesystem::path& folder, const DemoPreset& preset, const DemoSources& sources, const ProgressFn& progress,
                     std::stop_token stop);

/// On a machine that would need more than 12 minutes, rows and steps shrink in proportion (at least 15 steps a run). Returns the share kept.
double shrinkToMachine(DemoPreset& preset);

/// Seconds the demo will take on this machine: the preset's, scaled by the measured product rate; 0 when unknown.
[[nodiscard]] double forecastSeconds(const DemoPreset& preset);

}  // namespace retort::line
