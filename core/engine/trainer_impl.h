// The trainer's own state, shared by its files; not for others.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/batches.h"
#include "engine/checkpoints.h"
#include "engine/decoder.h"
#include "engine/head_loss.h"
#include "engine/optimiser.h"
#include "engine/teacher.h"
#include "engine/trainer.h"
#include "models/model_source.h"
#include "models/text_parts.h"

namespace retort::engine {

/// A method with its steps [first, first + steps) in the run and its teacher.
struct Stage {
  job::MethodSpec spec;
  std::int64_t first = 0, steps = 0;
  HeadLossOptions loss;
  std::unique_ptr<TeacherTargets> teacher;   ///< null for sft
  [[nodiscard]] bool usesTeacher() const { return spec.kind == "logit-kd"; }
};

struct Measured {
  double nll = 0, accuracy = 0;
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
  Result<std::shared_ptr<const Decoder>> teacherDecoder();
  Result<std::shared_ptr<const LogitCache>> cacheFor(const Stage& stage);
  Status loadStudent();
  Status resume();
  Status smoke();
  Status smokeFile(const MicroBatch& batch);

  // trainer.cpp
  struct StepSums {
    double loss = 0, ce = 0, kd = 0, weight = 0;
    std::int64_t tokens = 0;
  };
  Stage& stageAt(std::int64_t step);
  Status trainOne(std::int64_t step);
  Result<StepSums> passes(const Stage& stage, std::int64_t step);
  Status passOne(const Stage& stage, const std::vector<std::int64_t>& rows, StepSums& sums);
  Status handleNotFinite(double norm);
  Result<std::optional<Outcome>> obey();
  Result<std::optional<Outcome>> waitPaused();
  Status checkpoint();
  Result<TrainResult> finish(Outcome outcome);
  [[nodiscard]] bool told() const { return m_terminate.load(std::memory_order_relaxed); }
  [[nodiscard]] double secondsLeft() const;

  // trainer_eval.cpp
  Result<Measured> measure(const Decoder& decoder, const std::vector<EncodedRow>& rows);
  Status evaluate();
  Status samples();
  Result<Json> saveStudent();

  const job::RunSpec& m_spec;
  const Device& m_device;
  RunReporter& m_reporter;
  const TrainOptions& m_options;
  const std::atomic<bool>& m_terminate;
  at::ScalarType m_type;

  std::shared_ptr<const models::ModelSource> m_source, m_teacherSource;
  models::TextParts m_text, m_teacherText;
  std::vector<EncodedRow> m_rows, m_validation;
  struct SamplePrompt {
    std::string id, target;
    std::vector<text::TokenId> ids;
  };
  std::vector<SamplePrompt> m_samples;
  std::vector<Stage> m_stages;
  std::shared_ptr<const Decoder> m_teacher;  ///< kept only while a live method needs it
  Decoder m_student;
  std::unique_ptr<AdamW> m_optimiser;
  std::int64_t m_total = 0, m_batchRows = 0, m_microTokens = 0;

  // What a checkpoint remembers.
  std::int64_t m_step = 0, m_tokens = 0, m_bestStep = -1, m_notFinite = 0, m_sinceBest = 0;
  double m_bestNll = -1, m_rateFactor = 1, m_secondsBefore = 0;
  double m_began = 0;                        ///< monotonic, when this attempt's training began
  std::int64_t m_beganStep = 0, m_savedStep = -1, m_measuredStep = -1;
  bool m_stopEarly = false;
};

}  // namespace retort::engine
