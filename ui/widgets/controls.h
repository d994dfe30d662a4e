// Small controls of one look: buttons, chips, cards, hairlines, form rows, number tiles, progress lines.
#pragma once
#include <QAbstractButton>
#include <QFrame>
#include <QGridLayout>
#include <QProgressBar>
#include <QPushButton>
#include <QToolButton>

#include "ui/widgets/plain_label.h"

class QHBoxLayout;

namespace retort::ui {

/// Buttons take an object name (tests find them by it) and an accessible name, which is their text.
[[nodiscard]] QPushButton* button(const QString& text, const QString& objectName, const QString& iconName = {}, QWidget* parent = nullptr);
[[nodiscard]] QPushButton* primaryButton(const QString& text, const QString& objectName, const QString& iconName = {}, QWidget* parent = nullptr);
[[nodiscard]] QPushButton* linkButton(const QString& text, const QString& objectName, QWidget* parent = nullptr);
/// An icon alone; `name` is its accessible name and tooltip.
[[nodiscard]] QToolButton* iconButton(const QString& iconName, const QString& name, const QString& objectName, QWidget* parent = nullptr);

/// A surface with one hairline and 6 px corners.
class Card : public QFrame {
  Q_OBJECT
 public:
  explicit Card(QWidget* parent = nullptr);
};
[[nodiscard]] QFrame* hairline(QWidget* parent = nullptr, Qt::Orientation orientation = Qt::Horizontal);

/// Icon and word in a rounded outline: the phase of a run, a verdict, a filter.
class Chip : public QWidget {
  Q_OBJECT
 public:
  explicit Chip(QWidget* parent = nullptr);
  void set(const QString& text, const QString& iconName, Role role);
  [[nodiscard]] QString text() const { return m_text; }
  [[nodiscard]] QSize sizeHint() const override;
  [[nodiscard]] QSize minimumSizeHint() const override { return sizeHint(); }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QString m_text, m_icon;
  Role m_role = Role::Muted;
};

/// The beginning of a job's head: its phase as a chip and what it is about, cut where the room ends. Buttons follow in `row`.
struct PhaseRow {
  QHBoxLayout* row;
  Chip* phase;
  PlainLabel* about;
};
[[nodiscard]] PhaseRow phaseRow(const QString& chipName, QWidget* parent);

/// Label and value rows; labels muted, values selectable. A changed value does not move the layout.
class KeyValues : public QWidget {
  Q_OBJECT
 public:
  explicit KeyValues(QWidget* parent = nullptr);
  PlainLabel* add(const QString& key, const QString& value = {}, bool mono = false);
  void set(const QString& key, const QString& value);
  void clear();

 private:
  QGridLayout* m_grid;
  QList<std::pair<QString, PlainLabel*>> m_rows;
};

/// A caption over a big light number.
class NumberTile : public QWidget {
  Q_OBJECT
 public:
  NumberTile(const QString& caption, const QString& objectName, QWidget* parent = nullptr);
  void setValue(const QString& value, const QString& unit = {});
  [[nodiscard]] QString value() const;

 private:
  PlainLabel *m_value, *m_unit;
};

/// Thin bar with "340 of 1,200 steps · 2 min 10 s left" under it.
class ProgressLine : public QWidget {
  Q_OBJECT
 public:
  explicit ProgressLine(QWidget* parent = nullptr);
  void set(qint64 done, qint64 of, const QString& text);
  [[nodiscard]] QString text() const { return m_text->fullText(); }

 private:
  QProgressBar* m_bar;
  PlainLabel* m_text;
};

/// Shares of a whole as one bar with labels: the split of a dataset, the parts of a memory forecast.
class ShareBar : public QWidget {
  Q_OBJECT
 public:
  struct Part {
    QString name;
    double amount;
    QString amountText;
    int series;
  };
  explicit ShareBar(QWidget* parent = nullptr);
  /// `whole` > sum leaves the rest empty; 0 takes the sum.
  void setParts(QList<Part> parts, double whole = 0);
  [[nodiscard]] QSize sizeHint() const override;
  [[nodiscard]] QSize minimumSizeHint() const override;
  [[nodiscard]] bool hasHeightForWidth() const override { return true; }
  [[nodiscard]] int heightForWidth(int width) const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  [[nodiscard]] int legend(int width, QPainter* painter) const;   ///< lays (and paints) the legend; its height
  QList<Part> m_parts;
  double m_whole = 0;
};

void repolish(QWidget* widget);

}  // namespace retort::ui
