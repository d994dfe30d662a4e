// Whole runs of tiny models: folders, specs, and what their events say.
#pragma once
#include <QTemporaryDir>
#include <QTest>
#include <atomic>
#include <string>
#include <vector>

#include "base/hash.h"
#include "engine/checkpoints.h"
#include "engine/tensor_more.h"
#include "engine/tiny_model.h"
#include "engine/trainer.h"
#include "job/job_folder.h"

namespace retort::tests {

namespace fs = std::filesystem;

#define OK(expression)                                                                    \
  do {                                                                                    \
    const auto& okResult = (expression);                                                  \
    QVERIFY2(okResult.ok(), okResult.ok() ? "" : (okResult.error().text() + " " + okResult.error().detail).c_str()); \
  } while (false)

inline std::vector<job::Event> eventsOf(const fs::path& folder, std::string_view type) {
  std::vector<job::Event> found;
  if (auto events = job::readEvents(folder); events.ok())
    for (auto& e : *events)
      if (e.type == type) found.push_back(e);
  return found;
}

/// A folder with models "student", "teacher", "other" (as many ids), and runs in it on one thread.
class TinyRuns {
 public:
  fs::path root() const { return m_dir.path().toStdString(); }

  Status begin() {
    RETORT_TRY(m_device, engine::initialise({"cpu", 1, true}));
    RETORT_CHECK(writeTinyModel(root() / "student", 1));
    RETORT_CHECK(writeTinyModel(root() / "teacher", 2, 0.25));
    RETORT_CHECK(writeTinyModel(root() / "other", 5, 0.25));
    RETORT_CHECK(writeTinyDataset(root() / "data", tinyRows(24), tinyRows(8)));
    return makeFolders(root() / "runs");
  }
  job::RunSpec spec(const char* kind, std::int64_t steps) const {
    job::RunSpec s;
    s.student.model = {"tiny", (root() / "student").string(), ""};
    s.teachers = {{{"teacher", (root() / "teacher").string(), ""}, 1}};
    job::MethodSpec method;
    method.kind = kind;
    method.steps = steps;
    method.learningRate = 3e-3;
    if (method.kind == "on-policy-kd") method.loss.divergence = "reverse-kl", method.loss.kdWeight = 1, method.loss.source = "live";
    s.methods = {method};
    s.data = {"tiny", (root() / "data").string(), std::string(64, 'a'), "train.jsonl", "validation.jsonl", 256, "completion", "keep"};
    s.train.batchRows = 8;
    s.train.microTokens = 200;
    s.train.precision = "f32";
    s.train.checkpointEvery = 10;
    s.eval.every = 10;
    s.eval.rows = 8;
    s.eval.samples = 0;
    s.eval.sampleTokens = 8;
    s.device = "cpu";
    s.threads = 1;
    return s;
  }
  fs::path makeRun(const std::string& name, const job::RunSpec& s) const {
    const fs::path folder = root() / "runs" / name;
    if (!makeFolders(folder).ok() || !writeJsonFile(folder / "spec.json", job::toJson(s)).ok()) qFatal("the run folder cannot be made");
    return folder;
  }
  /// Trains, or goes on; `stopAfter` >= 0 asks it to end once that many steps are done (as a signal does).
  Result<engine::TrainResult> train(const fs::path& folder, const job::RunSpec& s) const {
    RETORT_TRY(auto opened, job::JobFolder::open(folder));
    engine::RunReporter reporter(std::move(opened));
    const std::atomic<bool> terminate{false};
    auto result = engine::trainRun(s, m_device, reporter, {root() / "cache" / "logits"}, terminate);
    if (result.ok()) (void)reporter.finish(job::Phase::done, {}, result->extra);
    else (void)reporter.finish(job::Phase::failed, result.error());
    return result;
  }
  static std::string weightsHash(const fs::path& run) { return sha256File(run / "student" / "model.safetensors").valueOr("none"); }
  /// A second run that is the first one cut back to its checkpoint of `step`, as if killed just after it.
  fs::path cutBack(const fs::path& whole, const std::string& name, std::int64_t step) const {
    const fs::path folder = root() / "runs" / name;
    std::error_code code;
    fs::copy(whole, folder, fs::copy_options::recursive, code);
    fs::remove_all(folder / "student", code);
    for (const std::int64_t s : engine::checkpointSteps(folder / "checkpoints"))
      if (s > step) fs::remove_all(folder / "checkpoints" / std::to_string(s), code);
    return folder;
  }
  const engine::Device& device() const { return m_device; }

 private:
  QTemporaryDir m_dir;
  engine::Device m_device;
};

/// Rows whose rejected answer is another colour.
inline std::vector<job::Row> tinyPairs(int count) {
  auto rows = tinyRows(count);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].rejected = {{"role", "assistant"}, {"content", rows[(i + 1) % rows.size()].target["content"] == rows[i].target["content"] ? "grey" : rows[(i + 1) % rows.size()].target["content"].get<std::string>()}};
  return rows;
}

}  // namespace retort::tests
