// A workspace as the window meets one, made by the core itself: sample logs, a dataset, runs with events, a report, an export.
#pragma once
#include <QTemporaryDir>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/files.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/workspace.h"
#include "data/dataset_build.h"
#include "job/job_folder.h"
#include "job/run_spec.h"
#include "logs/generate.h"
#include "logs/importer.h"
#include "report/report.h"

namespace retort::testing {

/// Jobs of the window are executed by retort-cli: makes the programs of $RETORT_BIN findable; false when they are not there.
inline bool usePrograms() {
  const QByteArray bin = qgetenv("RETORT_BIN");
  qputenv("PATH", bin + ':' + qgetenv("PATH"));
  std::error_code error;
  return fs::exists(fs::path(bin.toStdString()) / "retort-cli", error);
}

inline Result<Workspace> makeWorkspace(const fs::path& root) { return Workspace::create(root, "City desk"); }

inline Status addLogs(const Workspace& workspace, std::int64_t records = 900, double dirty = 0) {
  logs::GenerateOptions options;
  options.records = records;
  options.isTree = true;
  options.dirty = dirty;
  RETORT_CHECK(makeFolders(workspace.root() / "sample"));
  RETORT_TRY([[maybe_unused]] const auto made, logs::generateLogs(workspace.root() / "sample" / "logs", options));
  logs::ImportOptions import;
  import.sources.push_back(workspace.root() / "sample" / "logs");
  import.checkSpace = false;
  RETORT_TRY([[maybe_unused]] const auto summary, logs::importLogs(workspace.logsDb(), import));
  return {};
}

/// The dataset of the model that answered most.
inline Result<data::Dataset> addDataset(const Workspace& workspace, const std::string& teacher, const std::string& name = "desk") {
  data::BuildOptions options;
  options.name = name;
  options.teacher = teacher;
  options.golden = workspace.root() / "sample" / "logs.golden.jsonl";
  return data::buildDataset(workspace, options);
}

/// A run's folder with `steps` metric events of a falling loss, evaluations and samples, in `phase`.
inline Result<std::string> addRun(const Workspace& workspace, const std::string& name, int steps, int of, job::Phase phase, const std::string& dataset = "20260301-000000-0000") {
  job::RunSpec spec;
  spec.name = name;
  spec.student.model = {"SmolLM2-135M-Instruct", "/models/SmolLM2-135M-Instruct.gguf", std::string(64, 'a')};
  spec.student.layers = {0, 2, 4, 6, 8, 10};
  spec.teachers.push_back({{"desk teacher", "/models/teacher", std::string(64, 'b')}, 1});
  job::MethodSpec method;
  method.kind = "logit-kd";
  method.steps = of;
  spec.methods.push_back(method);
  spec.data.dataset = dataset;
  spec.data.path = (workspace.datasets() / dataset).string();
  spec.data.sha256 = std::string(64, 'c');
  RETORT_TRY(const std::string id, job::createJob(workspace.runs(), job::toJson(spec)));
  RETORT_TRY(auto folder, job::JobFolder::open(workspace.runs() / id));
  RETORT_CHECK(folder.update([&](job::State& s) { s.phase = job::Phase::training, s.stage = "Training the student", s.of = of; }, true));
  RETORT_CHECK(folder.event("phase", {{"phase", "training"}}));
  RETORT_CHECK(folder.event("level", {{"name", "teacher"}, {"nll", 0.31}, {"rows", 64}}));
  RETORT_CHECK(folder.event("eval", {{"step", 0}, {"nll", 2.38}, {"token_accuracy", 0.2}}));
  unsigned noise = 12345;
  for (int step = 1; step <= steps; ++step) {
    noise = noise * 1103515245u + 12345u;
    const double wobble = (static_cast<double>(noise >> 16 & 0x7fff) / 32767.0 - 0.5) * 0.5;
    const double base = 0.25 + 2.2 * std::exp(-step / 45.0);
    RETORT_CHECK(folder.event("metric", {{"step", step}, {"method", "logit-kd"}, {"loss", base * (1 + wobble * 0.6)}, {"ce", base * 0.9}, {"kd", base * 0.7 * (1 + wobble)}, {"lr", 5e-4 * (1 - 0.9 * step / of)},
                                         {"grad_norm", 1.2}, {"tokens_per_s", 2400 + 300 * wobble}, {"tokens", step * 900}}));
    if (step % 20 == 0) {
      RETORT_CHECK(folder.event("eval", {{"step", step}, {"nll", base * 0.95 + 0.05}, {"token_accuracy", 0.8}}));
      RETORT_CHECK(folder.event("sample", {{"step", step}, {"row", "r1"}, {"prompt", "The street lamp in front of our house has been dark since Monday."}, {"text", step < 60 ? "waste" : "street-lighting"}, {"target", {{"role", "assistant"}, {"content", "street-lighting"}}}, {"finish", "stop"}}));
      RETORT_CHECK(folder.event("sample", {{"step", step}, {"row", "r2"}, {"prompt", "When does the library open on Saturdays?"}, {"text", "opening-hours"}, {"target", {{"role", "assistant"}, {"content", "opening-hours"}}}, {"finish", "stop"}}));
      RETORT_CHECK(folder.event("checkpoint", {{"step", step}}));
    }
  }
  RETORT_CHECK(folder.update([&](job::State& s) { s.step = steps, s.of = of, s.secondsLeft = (of - steps) * 0.6, s.phase = phase; }, true));
  std::ofstream(folder.path() / "worker.log") << "retort-worker: device cpu, 2 threads\nretort-worker: 6 of 30 layers kept\n";
  if (job::isFinal(phase)) RETORT_CHECK(folder.finish(phase));
  return id;
}

inline report::ModelScore score(const std::string& name, const std::string& role, int right, int rows, double p50, std::uint64_t bytes) {
  report::ModelScore m;
  m.name = name, m.path = "/models/" + name, m.sha256 = std::string(64, 'd'), m.role = role;
  m.right = right, m.valid = rows, m.agreeing = right;
  m.accuracy = static_cast<double>(right) / rows;
  m.interval = metrics::wilson(right, rows);
  m.agreement = m.accuracy;
  report::Latency l;
  l.requestP50 = p50, l.requestP95 = p50 * 1.6, l.ttftP50 = p50 / 2, l.ttftP95 = p50, l.tokensPerSecond = 20000 / p50, l.rows = 64, l.definition = "batch 1, greedy";
  m.latency = l;
  m.bytes = bytes, m.parameters = static_cast<std::int64_t>(bytes / 2);
  return m;
}

/// A report whose figures are `score`'s; rows with some wrong answers.
inline Result<std::string> addReport(const Workspace& workspace) {
  report::Report r;
  r.id = newId();
  r.created = "2026-03-01T12:00:00Z", r.dataset = "desk", r.datasetSha256 = std::string(64, 'e'), r.planHash = std::string(64, 'f'), r.part = "test", r.source = "annotation";
  r.rows = 480;
  r.models = {score("desk teacher", "teacher", 447, 480, 210, 269'000'000), score("SmolLM2-135M", "base", 61, 480, 205, 269'000'000), score("desk student", "student", 439, 480, 118, 163'000'000)};
  report::Difference d;
  d.first = "desk student", d.second = "desk teacher";
  d.counts = {14, 22, 480};
  d.both = 425, d.neither = 19;
  d.interval = metrics::tango(d.counts);
  d.p = metrics::mcNemar(14, 22);
  r.differences.push_back(d);
  report::Verdict verdict;
  verdict.sentence = "As good as the teacher within 5 %.", verdict.source = "annotation", verdict.margin = 0.05, verdict.alpha = 0.05, verdict.bound = 0.01;
  r.verdict = verdict;
  RETORT_CHECK(makeFolders(workspace.reports() / r.id));
  RETORT_CHECK(writeJsonFile(workspace.reports() / r.id / "report.json", report::toJson(r)));
  std::ofstream rows(workspace.reports() / r.id / "rows.jsonl");
  for (int i = 0; i < 41; ++i)
    rows << dumpJson({{"id", "row" + std::to_string(i)}, {"prompt", "The tram stop shelter near the market has lost a pane of glass, who repairs it?"}, {"reference", "public-transport"},
                      {"answers", {"public-transport", "I can help", i % 3 ? "road-damage" : "street-lighting"}}, {"right", {true, false, false}}}) << "\n";
  return r.id;
}

inline Status addExport(const Workspace& workspace, bool good) {
  const std::string id = newId();
  const auto folder = workspace.exports() / id;
  RETORT_CHECK(makeFolders(folder));
  const std::string hash(64, '7');
  RETORT_CHECK(writeFileAtomically(folder / "desk-student-Q8_0.gguf", std::string(2000, 'x')));
  RETORT_CHECK(writeJsonFile(folder / "card.json", {{"schema", "retort.export/1"}, {"id", id}, {"name", "desk-student"}, {"created", "2026-03-01T12:30:00Z"}, {"source", {{"run", ""}, {"model", "m"}, {"sha256", hash}}},
                                                   {"artefacts", {{{"format", "gguf:q8_0"}, {"path", "desk-student-Q8_0.gguf"}, {"sha256", {{"desk-student-Q8_0.gguf", hash}}}}}}}));
  Json checks = Json::array();
  for (const char* name : {"files", "opens", "config", "tokens", "merges", "template", "stop", "bos", "prompts", "tensors"}) checks.push_back({{"name", name}, {"ok", true}, {"detail", ""}});
  checks.push_back({{"name", "greedy"}, {"ok", good}, {"detail", good ? "" : "3 of 32 prompts differ from token 4 on"}});
  return writeJsonFile(folder / "verify.json", {{"schema", "retort.verify/1"}, {"created", "2026-03-01T12:31:00Z"}, {"verified", good},
                                                {"artefacts", {{{"format", "hf"}, {"path", "hf"}, {"sha256", {{"hf/model.safetensors", std::string(64, '3')}}}, {"checks", Json::array({{{"name", "files"}, {"ok", true}, {"detail", ""}}, {{"name", "greedy"}, {"ok", true}, {"detail", ""}}})}, {"verified", true}},
                                                               {{"format", "gguf:q8_0"}, {"path", "desk-student-Q8_0.gguf"}, {"sha256", {{"desk-student-Q8_0.gguf", hash}}}, {"checks", checks}, {"verified", good}}}}});
}

}  // namespace retort::testing
