// The sample world "desk": messages to the public services of a made-up city, each with the kind of request it is.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace retort::logs {

/// What can be said about one kind of request. Noun phrases are singular, start with a determiner and fit both behind
/// "about" and in front of "is"; asks are whole clauses without a full stop; German and Spanish phrases are accusative.
struct DeskKind {
  std::string_view label;                       ///< "parking permit": the answer that is wanted
  std::vector<std::string_view> nouns, asks;
  std::vector<std::string_view> german, spanish;
  std::vector<std::string_view> similar;        ///< labels of kinds that share its words
};
[[nodiscard]] const std::vector<DeskKind>& deskKinds();

struct DeskMessage {
  std::string text;             ///< 3 to about 60 words
  int kind = 0;                 ///< index into deskKinds(): the right answer
  int other = -1;               ///< the kind that is named but not meant, or -1
  std::string_view language;    ///< "en", "de", "es"
};
/// One message. The right kind of about half of them hangs on word order, negation or a relation between two named kinds,
/// and the two are as likely either way round, so that a bag of words cannot tell.
[[nodiscard]] DeskMessage deskMessage(Random& random);

/// Instructions for a model, by prompt version (1..3): they list the kinds.
[[nodiscard]] std::string deskSystemPrompt(int version);

}  // namespace retort::logs
