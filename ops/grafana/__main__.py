"""`python -m ops.grafana`: write the dashboards anew."""

from ops.grafana.every import FOLDER, files


def main() -> None:
    built = files()
    for path, text in built.items():
        path.write_text(text, encoding="utf-8")
    for path in set(FOLDER.glob("*.json")) - set(built):
        path.unlink()
    print(f"{len(built)} dashboards in {FOLDER}")


if __name__ == "__main__":
    main()
