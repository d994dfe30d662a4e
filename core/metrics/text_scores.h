// How like its reference a text is: exact match with options, SQuAD's exact match and F1.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace retort::metrics {

struct ExactOptions {
  bool stripFinalNewline = true, ignoreCase = false, ignorePunctuation = false, ignoreNumbers = false;
};
/// Equal bytes after NFC and the chosen normalisations.
[[nodiscard]] bool exactMatch(std::string_view answer, std::string_view reference, const ExactOptions& options = {});
/// Unicode NFC; text that is not valid UTF-8 stays as it is.
[[nodiscard]] std::string nfc(std::string_view text);

enum class SquadVariant { v1, v2 };   ///< of two empty answers: F1 0 (v1.1) or 1 (v2)
/// Lower case, without ASCII punctuation, the words a, an, the, and needless blanks.
[[nodiscard]] std::string squadNormalise(std::string_view text);
[[nodiscard]] bool squadExact(std::string_view answer, std::string_view reference);
[[nodiscard]] double squadF1(std::string_view answer, std::string_view reference, SquadVariant variant = SquadVariant::v1);
/// The best over several references; no reference gives 0.
[[nodiscard]] double squadF1(std::string_view answer, const std::vector<std::string>& references, SquadVariant variant);

}  // namespace retort::metrics
