// SSE, JSON lines and AWS event streams: the same events however the bytes are cut; hostile lengths end in typed errors.
#include <QTest>

#include "base/hash.h"
#include "providers/event_stream.h"
#include "providers/sse.h"

using namespace retort;
using namespace retort::providers;

namespace {

std::vector<std::string> sseOf(const std::vector<std::string>& pieces, int* comments = nullptr) {
  std::vector<std::string> out;
  SseParser parser([&](const SseEvent& e) { return out.push_back(e.type + "|" + e.data + (e.isAtEnd ? "|end" : "")), Status(); }, [&] { if (comments) ++*comments; });
  for (const auto& p : pieces)
    if (!parser.feed(p).ok()) out.emplace_back("error");
  if (!parser.finish().ok()) out.emplace_back("error");
  return out;
}

std::string bytesOf(const char* hex) { return *fromHex(hex); }

FrameHeader text(const char* name, const char* value) { return {name, 7, std::string(value)}; }

Frame contentDelta() {
  return {{text(":event-type", "contentBlockDelta"), text(":content-type", "application/json"), text(":message-type", "event")}, R"({"contentBlockIndex":0,"delta":{"text":"Hi"}})"};
}

std::string checks(const std::string& frame) {
  return toHex({reinterpret_cast<const std::uint8_t*>(frame.data()) + 8, 4}) + " " + toHex({reinterpret_cast<const std::uint8_t*>(frame.data()) + frame.size() - 4, 4});
}

}  // namespace

class TestStreams : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void dataLinesJoin() {
    const auto got = sseOf({"data: {\ndata: \"foo\":\ndata: \ndata:\ndata: true}\n\n"});
    QCOMPARE(got.size(), std::size_t(1));
    QCOMPARE(got[0], std::string("|{\n\"foo\":\n\n\ntrue}"));
  }

  void everyCutGivesTheSame() {
    const std::string bom = "\xEF\xBB\xBF";
    const std::string all = bom + ": ping\r\nevent: a\rdata: \xD0\xB8\xD0\xB7\r\n\r\nid: 1\ndata:  two\ndata\n\nretry: x\ndata: a\xE2\x80\xA8" "b\n\nevent: none\n\ndata: [DONE]\n\ndata: rest";
    int comments = 0;
    const auto whole = sseOf({all}, &comments);
    QCOMPARE(comments, 1);
    QCOMPARE(whole.size(), std::size_t(5));
    QCOMPARE(whole[0], std::string("a|\xD0\xB8\xD0\xB7"));
    QCOMPARE(whole[1], std::string("| two\n"));
    QCOMPARE(whole[2], std::string("|a\xE2\x80\xA8" "b"));
    QCOMPARE(whole[3], std::string("|[DONE]"));
    QCOMPARE(whole[4], std::string("|rest|end"));
    for (std::size_t i = 0; i <= all.size(); ++i) QVERIFY2(sseOf({all.substr(0, i), all.substr(i)}) == whole, std::to_string(i).c_str());
    std::vector<std::string> single;
    for (const char c : all) single.emplace_back(1, c);
    QVERIFY(sseOf(single) == whole);
  }

  void utf8CutInsideALetter() {
    const auto got = sseOf({"data: " + bytesOf("d0"), bytesOf("b8d0b7d0"), bytesOf("b2d0b5d181d182d0bdd0b8") + "\n\n"});
    QCOMPARE(QString::fromStdString(got.at(0)), QString("|известни"));
  }

  void capsAreTypedErrors() {
    StreamLimits limits{8, 16, 64};
    const auto code = [&](const std::string& bytes) {
      SseParser parser([](const SseEvent&) { return Status(); }, {}, limits);
      const auto fed = parser.feed(bytes);
      return fed.ok() ? std::string() : fed.error().code;
    };
    QCOMPARE(code("data: 1\n"), std::string());
    QCOMPARE(code("data: 1234"), std::string("providers.stream.long"));
    QCOMPARE(code("data:123\ndata:123\ndata:123\ndata:123\ndata:123\n"), std::string("providers.stream.long"));
    QCOMPARE(code(std::string(65, '\n')), std::string("providers.stream.long"));
  }

  void jsonLines() {
    std::vector<std::string> lines;
    LineFramer framer([&](std::string_view l) { return lines.emplace_back(l), Status(); });
    for (const char* piece : {"{\"a\"", ":1}\r\n\n{}", "\n{\"b\":", "2}"}) QVERIFY(framer.feed(piece).ok());
    QVERIFY(framer.finish().ok());
    QVERIFY((lines == std::vector<std::string>{"{\"a\":1}", "{}", "{\"b\":2}"}));
  }

  void framesEqualTheirVectors() {
    QCOMPARE(toHex({reinterpret_cast<const std::uint8_t*>(encodeFrame({}).data()), 16}), std::string("000000100000000005c248eb7d98c8ff"));
    Frame foo{{}, "{'foo':'bar'}"};
    QCOMPARE(encodeFrame(foo).size(), std::size_t(29));
    QCOMPARE(checks(encodeFrame(foo)), std::string("fd528c5a c3653936"));
    foo.headers = {text("content-type", "application/json")};
    QCOMPARE(encodeFrame(foo).size(), std::size_t(61));
    QCOMPARE(checks(encodeFrame(foo)), std::string("07fd8396 8d9c08b1"));
    QCOMPARE(encodeFrame(contentDelta()).size(), std::size_t(148));
    QCOMPARE(checks(encodeFrame(contentDelta())), std::string("b4ab9aee 1f944657"));
    const Frame thrown{{text(":exception-type", "throttlingException"), text(":content-type", "application/json"), text(":message-type", "exception")}, R"({"message":"Too many requests"})"};
    QCOMPARE(encodeFrame(thrown).size(), std::size_t(144));
    QCOMPARE(checks(encodeFrame(thrown)), std::string("8e91a9b7 e67f8005"));
  }

  void everyHeaderTypeIsRead() {
    Frame all;
    all.headers = {{"0", 0, true}, {"1", 1, false}, {"2", 2, std::int64_t(2)}, {"3", 3, std::int64_t(3)}, {"4", 4, std::int64_t(4)}, {"5", 5, std::int64_t(5)}, {"6", 6, std::string("bytes")},
                   {"7", 7, std::string("utf8")}, {"8", 8, std::int64_t(8)}, {"9", 9, *fromHex("0123456789abcdef0123456789abcdef")}};
    const auto encoded = encodeFrame(all);
    // The vector's uuid is the 16 characters "0123456789abcdef".
    all.headers.back().value = std::string("0123456789abcdef");
    const auto vector = encodeFrame(all);
    QCOMPARE(vector.size(), std::size_t(98));
    QCOMPARE(checks(vector), std::string("03b5cb9c 63353671"));
    Frame back;
    EventStreamParser parser([&](Frame&& f) { return back = std::move(f), Status(); });
    QVERIFY(parser.feed(encoded).ok());
    QCOMPARE(back.headers.size(), std::size_t(10));
    QCOMPARE(std::get<bool>(back.headers[0].value), true);
    QCOMPARE(std::get<std::int64_t>(back.headers[5].value), std::int64_t(5));
    QCOMPARE(back.text("7"), std::string_view("utf8"));
    Frame negative{{{"n", 2, std::int64_t(-3)}}, ""};
    QVERIFY(parser.feed(encodeFrame(negative)).ok());
    QCOMPARE(std::get<std::int64_t>(back.headers[0].value), std::int64_t(-3));
  }

  void byteByByteAndEveryFlip() {
    const std::string frame = encodeFrame(contentDelta());
    int seen = 0;
    EventStreamParser slow([&](Frame&& f) { return seen += f.payload.find("Hi") != std::string::npos, Status(); });
    for (const char c : frame) QVERIFY(slow.feed(std::string_view(&c, 1)).ok());
    QVERIFY(slow.finish().ok());
    QCOMPARE(seen, 1);
    for (std::size_t i = 0; i < frame.size(); ++i) {
      std::string bad = frame;
      bad[i] = static_cast<char>(bad[i] ^ 1);
      bool gave = false;
      EventStreamParser parser([&](Frame&&) { return gave = true, Status(); });
      const auto fed = parser.feed(bad);
      QVERIFY2(!fed.ok() && fed.error().code.starts_with("providers.frame."), std::to_string(i).c_str());
      QVERIFY(!gave);
    }
    EventStreamParser cut([&](Frame&&) { return Status(); });
    QVERIFY(cut.feed(std::string_view(frame).substr(0, 100)).ok());
    QCOMPARE(cut.finish().error().code, std::string("providers.frame.cut"));
  }

  void hostileLengths() {
    const auto code = [](const std::string& bytes) {
      EventStreamParser parser([](Frame&&) { return Status(); });
      const auto fed = parser.feed(bytes);
      return fed.ok() ? std::string() : fed.error().code;
    };
    const auto prelude = [](const char* eight) {
      std::string p = *fromHex(eight);
      const auto crc = crc32Of(p);
      for (int i = 3; i >= 0; --i) p.push_back(static_cast<char>(crc >> (8 * i) & 255));
      return p;
    };
    QCOMPARE(toHex({reinterpret_cast<const std::uint8_t*>(prelude("0000003dff000102").data()) + 8, 4}), std::string("1583f5c2"));
    QCOMPARE(code(prelude("0000003dff000102")), std::string("providers.frame.length"));
    QCOMPARE(code(prelude("0180002100000000")), std::string("providers.frame.length"));
    QCOMPARE(code(prelude("0000000800000000")), std::string("providers.frame.length"));
    Frame twice{{{"test", 4, std::int64_t(0x61736466)}, {"test", 4, std::int64_t(0x61736466)}}, ""};
    QCOMPARE(encodeFrame(twice).size(), std::size_t(36));
    QCOMPARE(checks(encodeFrame(twice)), std::string("4bb982d0 f3f47563"));
    QCOMPARE(code(encodeFrame(twice)), std::string("providers.frame.header"));
  }
};

QTEST_APPLESS_MAIN(TestStreams)
#include "tst_streams.moc"
