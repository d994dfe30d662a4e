// The steps of the signature as AWS documents them; the vectors are in tests/core/providers/tst_sigv4.cpp.
#include "providers/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "base/clock.h"
#include "base/format.h"
#include "base/hash.h"

namespace retort::providers {
namespace {

bool isUnreserved(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~'; }

std::string percentEncoded(std::string_view text, bool keepSlash) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (isUnreserved(c) || (keepSlash && c == '/')) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

/// Resolves "." and ".." and joins repeated slashes; a trailing slash stays.
std::string normalised(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const auto part : splitView(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(part);
    }
  }
  std::string out;
  for (const auto part : kept) out.append("/").append(part);
  const bool endsAsFolder = path.ends_with("/") || path.ends_with("/.") || path.ends_with("/..");
  return out.empty() ? "/" : (endsAsFolder ? out + "/" : out);
}

/// Percent triplets as they are, other bytes encoded: a query is signed in the form it has on the wire.
std::string encodedOnce(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) && std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out.append(text.substr(i, 3));
      i += 2;
    } else {
      out += percentEncoded(text.substr(i, 1), false);
    }
  }
  return out;
}

std::string canonicalQuery(std::string_view query) {
  if (query.empty()) return {};
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto part : splitView(query, '&')) {
    const auto equals = part.find('=');
    pairs.emplace_back(encodedOnce(part.substr(0, equals)), equals == std::string_view::npos ? "" : encodedOnce(part.substr(equals + 1)));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [key, value] : pairs) out.append(out.empty() ? "" : "&").append(key).append("=").append(value);
  return out;
}

/// Without blanks at the ends, runs of blanks (a folded line too) as one.
std::string foldedValue(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool isBlank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (isBlank && (out.empty() || out.back() == ' ')) continue;
    out.push_back(isBlank ? ' ' : c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &length);
  return {reinterpret_cast<const char*>(out.data()), length};
}

}  // namespace

std::string encodeSegment(std::string_view text) { return percentEncoded(text, false); }

std::string amzDate(std::int64_t utcMicroseconds) {
  std::string out;
  for (const char c : isoUtc(utcMicroseconds))
    if (c != '-' && c != ':') out.push_back(c);
  return out;
}

Signature signV4(const AwsCredentials& credentials, const SigningInput& input) {
  std::map<std::string, std::string> headers;   // sorted by lower-case name
  for (const auto& [name, value] : input.headers) {
    auto [it, isNew] = headers.try_emplace(lowerAscii(name), foldedValue(value));
    if (!isNew) it->second += "," + foldedValue(value);
  }
  Signature s;
  std::string lines;
  for (const auto& [name, value] : headers) {
    lines.append(name).append(":").append(value).append("\n");
    s.signedHeaders.append(s.signedHeaders.empty() ? "" : ";").append(name);
  }
  std::string path = input.normalisePath ? normalised(input.path) : input.path;
  if (path.empty()) path = "/";
  // On the wire the path is encoded once; the canonical form encodes that again (S3 does not).
  path = input.encodeTwice ? percentEncoded(path, true) : path;
  s.canonical = input.method + "\n" + path + "\n" + canonicalQuery(input.query) + "\n" + lines + "\n" + s.signedHeaders + "\n" + sha256Hex(input.body);

  const std::string date = input.time.substr(0, 8);
  const std::string scope = date + "/" + input.region + "/" + input.service + "/aws4_request";
  const std::string toSign = "AWS4-HMAC-SHA256\n" + input.time + "\n" + scope + "\n" + sha256Hex(s.canonical);
  std::string key = "AWS4" + credentials.secretKey.reveal();
  for (const std::string_view part : {std::string_view(date), std::string_view(input.region), std::string_view(input.service), std::string_view("aws4_request")}) {
    std::string next = hmac(key, part);
    wipe(key);
    key = std::move(next);
  }
  const std::string mac = hmac(key, toSign);
  wipe(key);
  s.hex = toHex({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()});
  s.authorization = "AWS4-HMAC-SHA256 Credential=" + credentials.accessKeyId + "/" + scope + ", SignedHeaders=" + s.signedHeaders + ", Signature=" + s.hex;
  return s;
}

}  // namespace retort::providers
