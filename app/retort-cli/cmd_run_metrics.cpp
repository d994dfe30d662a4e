// `run metrics`: a run's numbers as CSV on stdout or as a TensorBoard event file, once or for as long as it runs.
#include <thread>

#include "app/retort-cli/cmd_run.h"
#include "base/clock.h"
#include "base/files.h"
#include "job/job_folder.h"
#include "run/metric_series.h"
#include "run/run_list.h"
#include "run/tensorboard.h"

namespace retort::cli {
namespace {

/// Calls `each` with every event of the folder; with `follow` until the run has ended.
int eachEvent(const Context& context, const std::filesystem::path& folder, bool follow, const std::function<Status(const job::Event&)>& each, const std::function<Status()>& pause) {
  LineTail tail(folder / "events.jsonl");
  for (bool last = false;;) {
    Status status;
    const auto polled = tail.poll([&](std::string_view line) {
      if (const auto event = job::parseEvent(line); event && status.ok()) status = each(*event);
    });
    if (!polled.ok()) return context.fail(polled.error());
    if (status.ok()) status = pause();
    if (!status.ok()) return context.fail(status.error());
    if (*polled > 0 && !last) continue;      // there may be more than one call takes
    if (!follow || last) return done;
    if (context.stop.stop_requested()) return cancelled;
    const auto state = job::observedState(folder);
    if (!state.ok()) return context.fail(state.error());
    last = job::isFinal(state->phase);
    if (!last) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

int toTensorboard(const Context& context, const std::filesystem::path& folder, const std::filesystem::path& out, bool follow) {
  const auto spec = readJsonFile(folder / "spec.json", 4u << 20);
  if (!spec.ok()) return context.fail(spec.error());
  auto writer = run::TensorboardWriter::begin(out, static_cast<double>(utcMicros()) / 1e6);
  if (!writer.ok()) return context.fail(writer.error());
  if (const auto text = writer->text("spec", static_cast<double>(utcMicros()) / 1e6, "```\n" + spec->dump(2) + "\n```"); !text.ok()) return context.fail(text.error());
  // What a restart takes back is left out where the whole is read at once; a growing file shows it again.
  if (!follow) {
    const auto events = job::readEvents(folder);
    if (!events.ok()) return context.fail(events.error());
    for (const auto& e : *events)
      if (const auto added = writer->add(e); !added.ok()) return context.fail(added.error());
    if (const auto flushed = writer->flush(); !flushed.ok()) return context.fail(flushed.error());
  } else if (const int code = eachEvent(context, folder, true, [&](const job::Event& e) { return writer->add(e); }, [&] { return writer->flush(); }); code != done) {
    return code;
  }
  context.print("Wrote " + writer->file().string());
  context.printJson({{"id", folder.filename().string()}, {"path", writer->file().string()}});
  return done;
}

int followCsv(const Context& context, const std::filesystem::path& folder) {
  std::string text = "series,step,seconds,value\n";
  return eachEvent(context, folder, true,
                   [&](const job::Event& e) -> Status {
                     run::MetricSeries one;
                     if (!run::addEvent(one, e)) return {};
                     const std::string lines = run::metricsToCsv(one);
                     text += lines.substr(lines.find('\n') + 1);
                     return {};
                   },
                   [&]() -> Status {
                     const bool isWritten = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
                     text.clear();
                     return isWritten ? Status{} : Status{Error{"cli.output", "The numbers cannot be written", "standard output", {}, {}, {}, {}}};
                   });
}

int metricsVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const std::string to = args.get("--to", "csv");
  if (to != "csv" && to != "tensorboard") return context.usage("--to knows csv and tensorboard");
  if (args.positional().size() != (to == "csv" ? 1u : 2u)) return context.usage(to == "csv" ? "run metrics needs one id or name" : "run metrics --to tensorboard needs an id or name, and a folder to write to");
  const auto folder = run::findRun(*workspace, args.positional()[0]);
  if (!folder.ok()) return context.fail(folder.error());
  if (to == "tensorboard") return toTensorboard(context, *folder, args.positional()[1], args.has("--follow"));
  if (args.has("--follow")) return context.json ? context.usage("--follow writes CSV lines or an event file, not one JSON document") : followCsv(context, *folder);
  const auto series = run::readMetrics(*folder);
  if (!series.ok()) return context.fail(series.error());
  if (!context.json) return std::fputs(run::metricsToCsv(*series).c_str(), stdout) < 0 ? failed : done;
  Json all = Json::object();
  for (const auto& [name, points] : *series) {
    Json& list = all[name] = Json::array();
    for (const auto& p : points) list.push_back({{"step", p.step}, {"seconds", jsonNumber(p.seconds)}, {"value", jsonNumber(p.value)}});
  }
  context.printJson({{"id", folder->filename().string()}, {"series", all}});
  return done;
}

const Registration metrics{{"run", "metrics", "run metrics ID [--to csv|tensorboard] [OUT] [--follow]", "A run's numbers over its steps: CSV on stdout, or a TensorBoard event file in OUT.",
                            {{"--to", "FORMAT", "csv or tensorboard"}, {"--follow", "", "until the run ends"}}, metricsVerb}};

}  // namespace
}  // namespace retort::cli
