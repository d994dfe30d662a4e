// From dataset rows to micro-batches.
#include "engine/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "engine/tensor_more.h"

namespace retort::engine {
namespace {

Json withoutSystem(const Json& messages) {
  Json kept = Json::array();
  for (const auto& m : messages)
    if (!(m.is_object() && m.contains("role") && m["role"] == "system")) kept.push_back(m);
  return kept;
}

std::int64_t count(const std::vector<std::uint8_t>& learn) {
  return std::accumulate(learn.begin() + (learn.empty() ? 0 : 1), learn.end(), std::int64_t{0}, [](std::int64_t n, std::uint8_t l) { return n + (l != 0); });
}

std::vector<std::int32_t> learnt(const std::vector<std::int32_t>& ids, const std::vector<std::uint8_t>& learn) {
  std::vector<std::int32_t> out;
  for (std::size_t i = 1; i < ids.size(); ++i)
    if (learn[i]) out.push_back(ids[i]);
  return out;
}

/// True when the last learnt token ends a turn.
bool endSupervised(const EncodedRow& row, const std::vector<text::TokenId>& stops) {
  for (std::size_t i = row.ids.size(); i-- > 0;)
    if (row.learn[i]) return std::find(stops.begin(), stops.end(), row.ids[i]) != stops.end();
  return false;
}

Error atRow(Error error, const job::Row& row) {
  error.where = "row " + shown(row.id) + (error.where.empty() ? "" : ", " + error.where);
  return error;
}

}  // namespace

std::int64_t EncodedRow::supervised() const { return count(learn); }

Json LabelCheck::toJson() const {
  return {{"rows", rows},     {"kept", kept},         {"too_long", tooLong},       {"without_target", withoutTarget}, {"without_labels", withoutLabels},
          {"pairs", pairs},   {"tokens", tokens}, {"supervised", supervised}, {"supervised_share", tokens > 0 ? static_cast<double>(supervised) / static_cast<double>(tokens) : 0.0},
          {"end_supervised_share", kept > 0 ? static_cast<double>(endsSupervised) / static_cast<double>(kept) : 0.0}};
}

Result<EncodedRows> encodeRows(const std::vector<job::Row>& rows, const models::TextParts& text, const job::DataSpec& data, bool forTeacher,
                               const ProgressFn& progress, std::stop_token stop) {
  if (!text.chat)
    return Error{"engine.template.none", "The student has no chat template", {}, "rows of messages cannot be written as its text without one",
                 "give the model a chat template, or choose an instruction-tuned model", {}, {}};
  EncodedRows out;
  ProgressMeter meter(progress, "Encoding rows", "rows", static_cast<std::int64_t>(rows.size()));
  const bool everyTurn = data.lossOn == "assistant", drop = data.systemPrompt == "drop";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (stop.stop_requested()) return cancelledError("Encoding rows");
    const job::Row& row = rows[i];
    ++out.check.rows;
    meter.at(static_cast<std::int64_t>(i));
    if (row.target.is_null()) {
      ++out.check.withoutTarget;
      continue;
    }
    const Json messages = drop ? withoutSystem(row.messages) : row.messages;
    auto encoded = text::encodeTraining(*text.chat, *text.tokenizer, text.tokens, messages, row.tools, row.target, everyTurn);
    if (!encoded.ok()) return atRow(std::move(encoded).error(), row);
    EncodedRow e;
    e.index = static_cast<std::int64_t>(i);
    e.id = row.id;
    e.promptLength = static_cast<std::int64_t>(encoded->promptLength);
    e.ids = std::move(encoded->ids);
    e.learn = std::move(encoded->learn);
    e.weight = static_cast<float>(row.weight);
    bool isTooLong = static_cast<int>(e.ids.size()) > data.maxTokens;
    if (forTeacher && drop) {
      auto full = text::encodeTraining(*text.chat, *text.tokenizer, text.tokens, row.messages, row.tools, row.target, everyTurn);
      if (!full.ok()) return atRow(std::move(full).error(), row);
      if (full->ids != e.ids) {
        if (learnt(full->ids, full->learn) != learnt(e.ids, e.learn))
          return Error{"engine.labels.teacher", "A row's answer is tokenised differently behind the teacher's prompt", "row " + shown(row.id),
                       "the positions of teacher and student cannot be matched", "set data.system_prompt to keep", {}, {}};
        e.teacherIds = std::move(full->ids);
        e.teacherLearn = std::move(full->learn);
        isTooLong = isTooLong || static_cast<int>(e.teacherIds.size()) > data.maxTokens;
      }
    }
    if (row.rejected.is_object()) {
      auto worse = text::encodeTraining(*text.chat, *text.tokenizer, text.tokens, messages, row.tools, row.rejected, false);
      if (!worse.ok()) return atRow(std::move(worse).error(), row);
      isTooLong = isTooLong || static_cast<int>(worse->ids.size()) > data.maxTokens;
      // The same answer twice, or one with nothing to learn, prefers nothing.
      if (worse->ids != e.ids && count(worse->learn) > 0) {
        e.rejectedIds = std::move(worse->ids);
        e.rejectedLearn = std::move(worse->learn);
      }
    }
    if (isTooLong) {
      ++out.check.tooLong;
      continue;
    }
    const std::int64_t labels = e.supervised();
    if (labels == 0) {
      ++out.check.withoutLabels;
      continue;
    }
    ++out.check.kept;
    out.check.tokens += static_cast<std::int64_t>(e.ids.size());
    out.check.supervised += labels;
    out.check.pairs += e.isPair();
    out.check.endsSupervised += endSupervised(e, text.stopIds);
    out.rows.push_back(std::move(e));
  }
  meter.finish();
  return out;
}

Status requireLabels(const LabelCheck& c, const std::string& file) {
  if (c.supervised == 0)
    return Error{"engine.labels.none", "There is nothing to learn", file,
                 "of " + std::to_string(c.rows) + " rows, " + std::to_string(c.withoutTarget) + " have no answer, " + std::to_string(c.tooLong) +
                     " are longer than max_tokens and " + std::to_string(c.withoutLabels) + " have no token to learn",
                 "choose a dataset with answers, or raise data.max_tokens", {}, {}};
  if (c.endsSupervised == 0)
    return Error{"engine.labels.end", "No row teaches the student where an answer ends", file,
                 "the last learnt token is never one of the model's end-of-turn tokens, so the student would never stop",
                 "check the model's chat template and its end-of-turn token", {}, {}};
  return {};
}

std::vector<std::int64_t> rowsOfStep(std::uint64_t seed, std::int64_t rows, std::int64_t batchRows, std::int64_t step) {
  std::vector<std::int64_t> picked, order;
  std::int64_t orderEpoch = -1;
  for (std::int64_t at = step * batchRows; at < (step + 1) * batchRows; ++at) {
    const std::int64_t epoch = at / rows;
    if (epoch != orderEpoch) {
      order.resize(static_cast<std::size_t>(rows));
      std::iota(order.begin(), order.end(), std::int64_t{0});
      Random(seed, "order " + std::to_string(epoch)).shuffle(order);
      orderEpoch = epoch;
    }
    picked.push_back(order[static_cast<std::size_t>(at % rows)]);
  }
  return picked;
}

std::int64_t stepsOfEpochs(double epochs, std::int64_t rows, std::int64_t batchRows) {
  return std::max<std::int64_t>(1, std::llround(std::ceil(epochs * static_cast<double>(rows) / static_cast<double>(batchRows) - 1e-9)));
}

std::int64_t tokensOf(const EncodedRow& row, bool pairs) {
  return static_cast<std::int64_t>(pairs ? row.ids.size() + row.rejectedIds.size() : std::max(row.ids.size(), row.teacherIds.size()));
}

std::vector<std::vector<std::int64_t>> groupByTokens(const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which, std::int64_t microTokens, bool pairs) {
  const auto length = [&](std::int64_t r) { return tokensOf(rows[static_cast<std::size_t>(r)], pairs); };
  std::vector<std::int64_t> sorted = which;
  std::stable_sort(sorted.begin(), sorted.end(), [&](std::int64_t a, std::int64_t b) { return length(a) > length(b); });
  std::vector<std::vector<std::int64_t>> groups;
  std::int64_t filled = 0;
  for (const std::int64_t row : sorted) {
    if (groups.empty() || filled + length(row) > microTokens) {
      groups.emplace_back();
      filled = 0;
    }
    groups.back().push_back(row);
    filled += length(row);
  }
  return groups;
}

namespace {

/// A batch in the making: documents one after the other.
struct Packer {
  MicroBatch batch;
  std::vector<std::int64_t> ids, positions, labels, document;
  std::vector<float> weights;
  bool isWeighted = false;

  void add(const std::vector<std::int32_t>& rowIds, const std::vector<std::uint8_t>& learn, float weight) {
    const auto start = static_cast<std::int64_t>(ids.size());
    ids.insert(ids.end(), rowIds.begin(), rowIds.end());
    for (std::size_t i = 1; i < rowIds.size(); ++i) {
      if (!learn[i]) continue;
      positions.push_back(start + static_cast<std::int64_t>(i) - 1);
      labels.push_back(rowIds[i]);
      weights.push_back(weight);
      document.push_back(static_cast<std::int64_t>(batch.lengths.size()));
    }
    isWeighted = isWeighted || weight != 1.0F;
    batch.lengths.push_back(static_cast<std::int64_t>(rowIds.size()));
  }

  MicroBatch finish(at::Device device) {
    constexpr std::int64_t kMultiple = 64, kFrom = 256;
    const auto total = static_cast<std::int64_t>(ids.size());
    if (total > kFrom && total % kMultiple != 0) {
      batch.padding = kMultiple - total % kMultiple;
      ids.resize(ids.size() + static_cast<std::size_t>(batch.padding), 0);
      batch.lengths.push_back(batch.padding);
    }
    batch.ids = at::tensor(ids, at::kLong).view({1, -1}).to(device);
    batch.positions = at::tensor(positions, at::kLong).to(device);
    batch.labels = at::tensor(labels, at::kLong).to(device);
    if (isWeighted) batch.weights = at::tensor(weights, at::kFloat).to(device);
    return std::move(batch);
  }
};

}  // namespace

MicroBatch makeMicroBatch(const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which, at::Device device, bool teacherSide) {
  Packer packer;
  for (const std::int64_t r : which) {
    const EncodedRow& row = rows[static_cast<std::size_t>(r)];
    const bool other = teacherSide && !row.teacherIds.empty();
    packer.batch.rows.push_back(r);
    packer.add(other ? row.teacherIds : row.ids, other ? row.teacherLearn : row.learn, row.weight);
  }
  return packer.finish(device);
}

MicroBatch makePairBatch(const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which, at::Device device) {
  Packer packer;
  for (const std::int64_t r : which) {
    const EncodedRow& row = rows[static_cast<std::size_t>(r)];
    packer.batch.rows.push_back(r);
    packer.add(row.ids, row.learn, 1);
    packer.add(row.rejectedIds, row.rejectedLearn, 1);
  }
  packer.batch.document = at::tensor(packer.document, at::kLong).to(device);
  return packer.finish(device);
}

}  // namespace retort::engine
