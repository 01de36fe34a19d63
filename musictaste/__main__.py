"""python -m musictaste"""

from musictaste.cli import main

if __name__ == "__main__":
    main()
