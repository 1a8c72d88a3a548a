class Namespace:
    def __init__(self, **values):
        self.__dict__.update(values)


class ArgumentParser:
    def __init__(self, *args, **kwargs):
        self._values = {}
        self._types = {}
        self._switches = {}

    def add_argument(self, *names, action=None, default=None, type=None, dest=None, nargs=None, const=None, **kwargs):
        if dest is None:
            dest = names[0]
            for name in names:
                if name.startswith("--"):
                    dest = name
                    break
            dest = dest.lstrip("-").replace("-", "_")
        if action == "store_true":
            default = False if default is None else default
            self._switches[dest] = input()
        elif action == "store_false":
            default = True if default is None else default
            self._switches[dest] = input()
        elif action == "version" or action == "help":
            return
        if isinstance(default, str) and type is not None:
            default = type(default)
        self._values[dest] = default
        for name in names:
            self._types[name] = (dest, type, action)

    def add_argument_group(self, *args, **kwargs):
        return self

    def add_mutually_exclusive_group(self, *args, **kwargs):
        return self

    def add_subparsers(self, *args, **kwargs):
        return self

    def add_parser(self, *args, **kwargs):
        return self

    def set_defaults(self, **values):
        self._values.update(values)

    def get_default(self, name):
        return self._values.get(name)

    def print_help(self):
        pass

    def parse_args(self, args=None, namespace=None):
        result = Namespace() if namespace is None else namespace
        result.__dict__.update(self._values)
        if args is None:
            # What the command line says is unknown. The defaults are what most runs use, but for switches.
            result.__dict__.update(self._switches)
        else:
            if isinstance(args, str):
                args = args.split()
            for index, word in enumerate(args):
                option, given, value = word.partition("=")
                if option in self._types:
                    name, type, action = self._types[option]
                    if action == "store_true":
                        setattr(result, name, True)
                    elif action == "store_false":
                        setattr(result, name, False)
                    else:
                        if not given:
                            value = args[index + 1]
                        setattr(result, name, value if type is None else type(value))
        return result

    def parse_known_args(self, args=None, namespace=None):
        return self.parse_args(args, namespace), []
