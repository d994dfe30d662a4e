// The trainer's own state, shared by its files; not for others.
#pragma once
#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/batches.h"
#include "engine/checkpoints.h"
#include "engine/decoder.h"
#include "engine/head_loss.h"
#include "engine/optimiser.h"
#include "engine/policy_watch.h"
#include "engine/rollouts.h"
#include "engine/teacher.h"
#include "engine/trainer.h"
#include "models/model_source.h"
#include "models/text_parts.h"

namespace retort::engine {

/// One method of a stage, with its teachers and the rows it learns from.
struct Part {
  job::MethodSpec spec;
  HeadLossOptions loss;
  std::vector<std::pair<double, std::unique_ptr<TeacherTargets>>> teachers;   ///< shares that sum to one; empty for sft and dpo
  std::vector<std::int64_t> rows;            ///< indexes into the run's rows
  std::vector<std::pair<double, double>> reference;   ///< dpo: ln of chosen and rejected before the stage, by row index
  [[nodiscard]] bool usesTeacher() const { return spec.kind == "logit-kd" || isOnPolicy(); }
  [[nodiscard]] bool isOnPolicy() const { return spec.kind == "on-policy-kd"; }
  [[nodiscard]] bool isDpo() const { return spec.kind == "dpo"; }
};

/// Steps [first, first + steps) of the run: one method, or several that go together. The first one's rate and schedule count.
struct Stage {
  std::int64_t first = 0, steps = 0;
  std::vector<Part> parts;
  [[nodiscard]] const job::MethodSpec& spec() const { return parts.front().spec; }
  [[nodiscard]] std::string name() const;    ///< "sft", "dpo + sft"
};

struct Measured {
  double nll = 0, accuracy = 0;
  double error = 0;                  ///< standard error of nll over rows, where asked for
};

/// What the passes of one step add up.
struct StepSums {
  double loss = 0, ce = 0, kd = 0, weight = 0;   ///< loss and weight of the one method; of several: the mixed mean and 1
  std::int64_t tokens = 0, rows = 0, correct = 0;
  double pairs = 0, preferred = 0, margin = 0;   ///< dpo: pairs, those preferred rightly, sum of beta-free margins
  std::optional<PolicyFigures> policy;           ///< on-policy-kd
};

class Trainer {
 public:
  Trainer(const job::RunSpec& spec, const Device& device, RunReporter& reporter, const TrainOptions& options, const std::atomic<bool>& terminate);
  Result<TrainResult> run();

 private:
  // trainer_prepare.cpp
  Status prepare();
  Status openModels();
  Status readData();
  Status planStages();
  Status requireMemory() const;
  Status prepareTeachers();
  Result<std::shared_ptr<const Decoder>> teacherDecoder(std::size_t teacher);
  Result<std::shared_ptr<const LogitCache>> cacheFor(const Part& part, std::size_t teacher);
  Status loadStudent();
  Status resume();
  Status smoke();
  Status smokeFile(const MicroBatch& batch);

  // trainer_passes.cpp
  Result<StepSums> passes(Stage& stage, std::int64_t step);
  Status passesOf(Stage& stage, std::int64_t step, StepSums& sums);
  Status passRows(const Part& part, const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which, double scale, StepSums& sums);
  Status passSampled(const Part& part, const std::vector<std::int64_t>& which, double scale, StepSums& sums);
  Status passPairs(const Part& part, const std::vector<std::int64_t>& which, double scale, StepSums& sums);
  Status fillTeachers(const Part& part, const std::vector<EncodedRow>& rows, const MicroBatch& batch, HeadTargets& targets);
  at::Tensor learntHidden(const MicroBatch& batch) const;
  Status smallerPasses(Error error, const std::string& where, std::int64_t fullest, std::int64_t longest);

  // trainer_policy.cpp
  Status beginStage(std::size_t index);
  Status makeReference(Part& part, const fs::path& file, std::int64_t first);
  Status readReference(Part& part, const fs::path& file, std::int64_t first);
  [[nodiscard]] std::string rowsKey(const Part& part) const;
  Status rollOut(const Stage& stage, const Part& part, std::int64_t step);
  Status measurePolicy(const at::Tensor& hidden, const HeadTargets& targets, StepSums& sums) const;
  Status watchPolicy(const Part& part, const StepSums& sums);

  // trainer.cpp
  Stage& stageAt(std::int64_t step);
  Status trainOne(std::int64_t step);
  Status handleNotFinite(double norm);
  Status watchCourse(double loss, bool& skip);
  [[nodiscard]] Json metricOf(const Stage& stage, const StepSums& sums, double rate, double norm, double seconds) const;
  Result<std::optional<Outcome>> obey();
  Result<std::optional<Outcome>> waitPaused();
  Status checkpoint();
  Result<TrainResult> finish(Outcome outcome);
  [[nodiscard]] bool told() const { return m_terminate.load(std::memory_order_relaxed); }
  [[nodiscard]] double secondsLeft() const;
  [[nodiscard]] double meanTokens() const;   ///< of a training row

  // trainer_eval.cpp
  Result<Measured> measure(const Decoder& decoder, const std::vector<EncodedRow>& rows, bool withError = false);
  Result<double> exactMatches();
  Status evaluate();
  Status samples();
  Result<Json> saveStudent();

  const job::RunSpec& m_spec;
  const Device& m_device;
  RunReporter& m_reporter;
  const TrainOptions& m_options;
  const std::atomic<bool>& m_terminate;
  at::ScalarType m_type;

  struct Teacher {
    std::shared_ptr<const models::ModelSource> source;
    std::shared_ptr<const Decoder> decoder;  ///< kept only while a live method needs it
    bool isLive = false;
  };
  std::shared_ptr<const models::ModelSource> m_source;
  std::vector<Teacher> m_teachers;
  models::TextParts m_text;
  std::vector<EncodedRow> m_rows, m_validation;
  struct SamplePrompt {
    std::string id, target;
    std::vector<text::TokenId> ids;
  };
  std::vector<SamplePrompt> m_samples, m_matched;   ///< m_matched: the measured rows' prompts, where exact matches count
  std::vector<Stage> m_stages;
  Decoder m_student;
  std::unique_ptr<AdamW> m_optimiser;
  std::int64_t m_total = 0, m_batchRows = 0, m_microTokens = 0;

  // What a checkpoint remembers.
  std::int64_t m_step = 0, m_tokens = 0, m_bestStep = -1, m_notFinite = 0, m_sinceBest = 0;
  double m_bestNll = -1, m_rateFactor = 1, m_secondsBefore = 0;
  std::optional<double> m_bestScore;         ///< of eval.metric
  double m_course = -1, m_bestCourse = -1;   ///< moving average of the loss in this stage, and its least
  std::int64_t m_courseSteps = 0, m_offCourse = 0;
  PolicyWatch m_watch;
  Rollouts m_rollouts;                       ///< of the running block
  std::int64_t m_rolloutsFrom = -1;          ///< the oldest step whose stored answers may still be read
  std::vector<EncodedRow> m_rolloutRows;     ///< of the running step
  std::vector<const Rollout*> m_rolloutOf;   ///< by m_rolloutRows
  bool m_pauseAsked = false;
  double m_meanTokens = 0;                   ///< of a training row
  double m_peakFlops = 0;                    ///< of large products here, for shares of it
  double m_began = 0;                        ///< monotonic, when this attempt's training began
  std::int64_t m_beganStep = 0, m_savedStep = -1, m_measuredStep = -1;
  bool m_stopEarly = false;
};

}  // namespace retort::engine
