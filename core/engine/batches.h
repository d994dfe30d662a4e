// From dataset rows to what one forward pass takes: encoded once, checked, ordered by seed, packed by length.
#pragma once
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "engine/tensor.h"
#include "job/row.h"
#include "job/run_spec.h"
#include "models/text_parts.h"

namespace retort::engine {

/// A row as token ids, with the tokens to learn.
struct EncodedRow {
  std::int64_t index = 0;                    ///< line of the file, from 0
  std::string id;
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> learn;           ///< per id
  std::int64_t promptLength = 0;
  float weight = 1;
  /// The same answer behind the teacher's prompt, where that differs (prompt distillation); else empty.
  std::vector<std::int32_t> teacherIds;
  std::vector<std::uint8_t> teacherLearn;
  /// A worse answer to the same prompt (preference pairs); else empty.
  std::vector<std::int32_t> rejectedIds;
  std::vector<std::uint8_t> rejectedLearn;
  [[nodiscard]] bool isPair() const { return !rejectedIds.empty(); }
  [[nodiscard]] std::int64_t supervised() const;
};

/// What encoding found: shown before a run starts.
struct LabelCheck {
  std::int64_t rows = 0, kept = 0, tooLong = 0, withoutTarget = 0, withoutLabels = 0;
  std::int64_t tokens = 0, supervised = 0;   ///< of the kept rows
  std::int64_t endsSupervised = 0;           ///< kept rows whose last learnt token ends a turn
  std::int64_t pairs = 0;                    ///< kept rows with a rejected answer
  [[nodiscard]] Json toJson() const;
};

struct EncodedRows {
  std::vector<EncodedRow> rows;
  LabelCheck check;
};

/// Encodes rows under data's rules. `keepSystemForTeacher`: with system_prompt "drop", also the teacher's version.
/// Errors: those of the template, naming the row.
Result<EncodedRows> encodeRows(const std::vector<job::Row>& rows, const models::TextParts& text, const job::DataSpec& data, bool forTeacher,
                               const ProgressFn& progress = {}, std::stop_token stop = {});
/// Error "engine.labels.none" (nothing to learn) or "engine.labels.end" (no row's end of turn is learnt).
Status requireLabels(const LabelCheck& check, const std::string& file);

/// Rows of optimiser step `step` (from 0): positions [step B, step B + B) of the endless sequence of permutations(seed, epoch) of n rows.
[[nodiscard]] std::vector<std::int64_t> rowsOfStep(std::uint64_t seed, std::int64_t rows, std::int64_t batchRows, std::int64_t step);
/// Steps that `epochs` take.
[[nodiscard]] std::int64_t stepsOfEpochs(double epochs, std::int64_t rows, std::int64_t batchRows);

/// One forward pass: documents one after the other in [1, sum of lengths].
struct MicroBatch {
  std::vector<std::int64_t> rows;            ///< indexes into EncodedRows::rows, by falling length
  std::vector<std::int64_t> lengths;         ///< of the documents
  at::Tensor ids;                            ///< [1, T] i64
  at::Tensor positions;                      ///< [N] i64: flat positions whose next token is learnt
  at::Tensor labels;                         ///< [N] i64: those next tokens. The one place where labels are shifted.
  at::Tensor weights;                        ///< [N] f32, undefined when all are 1
  at::Tensor document;                       ///< [N] i64: which document each label belongs to; of makePairBatch only
  std::int64_t padding = 0;                  ///< of ids: a last document that nobody learns, see makeMicroBatch
  [[nodiscard]] std::int64_t tokens() const { return ids.size(1) - padding; }
};

/// Groups rows into passes of at most `microTokens` tokens (a longer row goes alone), longest first.
[[nodiscard]] std::vector<std::vector<std::int64_t>> groupByTokens(const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which,
                                                                   std::int64_t microTokens, bool pairs = false);
/// Tokens of a row's longer version; `pairs`: of its chosen and rejected answers together.
[[nodiscard]] std::int64_t tokensOf(const EncodedRow& row, bool pairs = false);
/// `teacherSide`: the teacher's version of the rows (labels are the same). A long batch is filled up to a multiple of 64 tokens:
/// oneDNN compiles its products for each new size, and keeps them.
MicroBatch makeMicroBatch(const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which, at::Device device, bool teacherSide = false);
/// Two documents a pair, chosen (2 i) then rejected (2 i + 1); `weights` are left out.
MicroBatch makePairBatch(const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which, at::Device device);

}  // namespace retort::engine
