// retort.run/1: everything that decides a training run. What is written here is what runs and what is shown.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace retort::job {

/// A model by name, path and hash; the hash decides. `path` is a GGUF file or a Hugging Face folder.
struct ModelRef {
  std::string name, path, sha256;
};

struct LoraSpec {
  int rank = 32;
  double alpha = 32;
  double dropout = 0;
  bool rankStabilised = false;               ///< rsLoRA: scale alpha / sqrt(rank)
};

struct StudentSpec {
  ModelRef model;
  std::vector<int> layers;                   ///< layers kept, in order; empty: as it is
  std::string tuning = "full";               ///< full | lora | qlora
  LoraSpec lora;
  bool freezeEmbeddings = false;             ///< token embedding and (tied) head stay as they are
};

struct TeacherSpec {
  ModelRef model;
  double weight = 1;
};

struct LossSpec {
  std::string divergence = "forward-kl";     ///< forward-kl | reverse-kl | jsd | skew-kl
  double beta = 0.5;                         ///< of jsd
  double temperature = 1;
  double kdWeight = 0.75;                    ///< loss = kdWeight * T^2 * KD + (1 - kdWeight) * CE
  std::string source = "cached";             ///< cached | live teacher logits
  std::string cache = "top-k";               ///< top-k (with residual mass) | rs-kd
  int topK = 64;                             ///< or draws of rs-kd
};

/// Preferences: rows with a `rejected` answer; loss -ln sigmoid(beta (margin of the student - margin of the reference)).
struct DpoSpec {
  double beta = 0.1;
};

/// The student's own answers, sampled, then scored by the teachers.
struct OnPolicySpec {
  int rollouts = 1;                          ///< answers a prompt
  int maxTokens = 128;                       ///< of an answer
  double temperature = 1, topP = 1;
  int every = 1;                             ///< optimiser steps that one generation serves
  std::string estimator = "full";            ///< full: loss.divergence over the whole vocabulary | sampled: policy gradient by ln q - ln p
  std::string rules = "act";                 ///< act: the rules of the live panel stop or pause the run | warn: they only say so
};

struct MethodSpec {
  std::string kind = "sft";                  ///< sft | logit-kd | on-policy-kd | dpo
  bool together = false;                     ///< in the same steps as the method before it (whose steps and rate count), not after it
  double share = 1;                          ///< of the steps' loss, where methods go together
  std::int64_t steps = 0;                    ///< optimiser steps; 0: `epochs` decides
  double epochs = 0;
  double learningRate = 2e-4;
  double warmup = 0.06;                      ///< share of the steps
  double floor = 0.05;                       ///< final share of the rate
  std::string schedule = "linear";           ///< linear | cosine: the way to the floor
  LossSpec loss;                             ///< for the kd methods; on-policy-kd begins with reverse-kl, kd_weight 1, source live
  DpoSpec dpo;
  OnPolicySpec onPolicy;
};

struct DataSpec {
  std::string dataset, path, sha256;         ///< id, folder and fingerprint (card.json "sha256") of the dataset
  std::string train = "train.jsonl";         ///< file inside the folder
  std::string validation = "validation.jsonl";
  int maxTokens = 1024;                      ///< longer rows are dropped and counted
  std::string lossOn = "completion";         ///< completion | assistant (every assistant turn)
  std::string systemPrompt = "keep";         ///< keep | drop (prompt distillation: the student's prompt has no system turn)
  double subset = 1;                         ///< share of the training rows, by the seed's order: a smaller share lies in a larger one
};

struct TrainSpec {
  int batchRows = 32;                        ///< rows of one optimiser step
  int microTokens = 4096;                    ///< padded tokens of one forward pass at most
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.01, clip = 1.0;
  std::string precision = "bf16";            ///< compute type: bf16 (fp32 masters) | f32
  bool activationCheckpointing = false;
  int checkpointEvery = 20;                  ///< steps; 0: only at the end
  int keepLast = 2;
  std::string onNan = "stop";                ///< stop | skip | lower-rate: a loss that is not finite, or that has left its course
  std::string onMemory = "retry";            ///< retry (half the tokens a pass, the same rows a step) | stop: when memory runs out
};

struct EvalSpec {
  int every = 10;                            ///< steps between validation measurements; 0: never
  int rows = 64;                             ///< validation rows measured (NLL of the target)
  int samples = 4;                           ///< fixed prompts generated at each measurement
  int sampleTokens = 48;
  int patience = 0;                          ///< measurements without improvement until stop; 0: off
  bool keepBest = false;                     ///< the student is the best checkpoint by `metric`, not the last
  std::string metric = "nll";                ///< nll | token-accuracy | exact-match (greedy answers of sample_tokens at most): what patience and keep_best go by
};

struct RunSpec {
  std::string name, parent;                  ///< parent: the run it extends or forks
  StudentSpec student;
  std::vector<TeacherSpec> teachers;
  std::vector<MethodSpec> methods;
  DataSpec data;
  TrainSpec train;
  EvalSpec eval;
  std::uint64_t seed = 1;
  std::string device = "auto";               ///< auto | cpu | cuda:N
  int threads = 0;                           ///< 0: physical cores
  std::string launcher = "local";
};

inline constexpr std::string_view kRunSchema = "retort.run/1";

[[nodiscard]] Json toJson(const RunSpec& spec);
/// Strict: unknown members, wrong types and values out of range are errors that name the field ("spec.json: train.lerning_rate
/// is unknown. Did you mean learning_rate?").
Result<RunSpec> runSpecFromJson(const Json& json, std::string_view where);
/// Sets one field by its dotted JSON path, the value parsed as JSON or taken as text: "train.batch_rows=16".
Status setField(Json& specJson, std::string_view assignment);

}  // namespace retort::job
