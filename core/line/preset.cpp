// Reading demo.json, strictly.
#include "line/preset.h"

#include "base/json.h"
#include "base/paths.h"

namespace retort::line {
namespace {

Status readTrain(const Json& json, const std::string& where, TrainPreset& t) {
  ObjectReader r(json, where);
  r.required("steps", t.steps).range("steps", static_cast<double>(t.steps), 1, 1e6).optional("batch_rows", t.batchRows).optional("micro_tokens", t.microTokens);
  r.required("learning_rate", t.learningRate).range("learning_rate", t.learningRate, 0, 1).optional("kd_weight", t.kdWeight).optional("temperature", t.temperature);
  r.optional("freeze_embeddings", t.freezeEmbeddings);
  return r.finish();
}

}  // namespace

Result<DemoPreset> readDemoPreset(std::string_view form) {
  RETORT_TRY(const auto resources, resourcesFolder());
  const fs::path file = resources / "presets/demo.json";
  RETORT_TRY(const Json all, readJsonFile(file));
  if (!all.is_object() || !all.contains(std::string(form))) return Error{"line.preset.form", file.string() + " has no form \"" + std::string(form) + "\"", {}, {}, {}, {}, {}};
  const std::string where = "demo.json: " + std::string(form);
  DemoPreset p;
  ObjectReader r(all[std::string(form)], where);
  r.required("model", p.model).required("records", p.records).required("golden", p.golden).required("seed", p.seed).required("system_prompt", p.systemPrompt);
  r.optional("split", p.split).required("prompts", p.prompts).required("test_rows", p.testRows).required("layers", p.layers).optional("top_k", p.topK);
  r.optional("latency_prompts", p.latencyPrompts).optional("seconds", p.seconds).optional("reference_gflops", p.referenceGflops);
  for (const auto& [key, train] : {std::pair<const char*, TrainPreset*>{"teacher", &p.teacher}, {"student", &p.student}, {"compare", &p.compare}})
    if (const Json* member = r.member(key, true); member && !r.failed()) RETORT_CHECK(readTrain(*member, where + "." + key, *train));
  RETORT_CHECK(r.finish());
  return p;
}

void applyPreset(const TrainPreset& preset, job::RunSpec& spec) {
  spec.train.batchRows = preset.batchRows;
  spec.train.microTokens = preset.microTokens;
  spec.student.freezeEmbeddings = preset.freezeEmbeddings;
  for (auto& method : spec.methods) {
    method.steps = preset.steps;
    method.learningRate = preset.learningRate;
    method.loss.kdWeight = preset.kdWeight;
    method.loss.temperature = preset.temperature;
  }
}

}  // namespace retort::line
